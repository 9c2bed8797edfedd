"""Caution about maps that a command has written, where they hardly differ between pixels."""

from __future__ import annotations

import numpy as np

from hardpix.data.wording import counted
from hardpix.metrics.map_spread import MapSpread, caution_about


class MapCaution:
    """Looks at the maps of one signal, image by image.

    Args:
        name: of the map.

    Example:
        >>> caution = MapCaution("hardness map")
        >>> for level in (0.50, 0.52):
        ...     caution.add(np.full((2, 2), level))
        >>> print(caution.sentence())
        The hardness map hardly differs between pixels in 2 of 2 images (5th to 95th percentile 0.5 to 0.5, mean 0.5
        in the first): an untrained or constant branch gives such a map, and its order of the pixels is no result.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._images = 0
        self._flat: list[MapSpread] = []

    def add(self, level: np.ndarray) -> None:
        """The next image's map."""
        self._images += 1
        spread = MapSpread.of(level)
        if spread.hardly_differs:
            self._flat.append(spread)

    def sentence(self) -> str | None:
        """The caution where at least half of the images have such a map, else None."""
        if not self._flat or 2 * len(self._flat) < self._images:
            return None
        where = f" in {len(self._flat)} of {counted(self._images, 'image')}"
        return caution_about(self.name, self._flat[0], where, " in the first" if self._images > 1 else "")
