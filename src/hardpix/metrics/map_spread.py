"""Spread of a map's values over pixels, which tells a result from a map that says the same everywhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# As a share of the mean. An untrained branch gives one value up to rounding and padding; a trained one differs by far.
HARDLY = 0.05


@dataclass(frozen=True)
class MapSpread:
    """The 5th percentile of a map's values, their mean, and the 95th percentile.

    Example:
        >>> MapSpread.of(np.array([[0.50, 0.51], [0.50, 0.50]])).hardly_differs
        True
        >>> MapSpread.of(np.array([[0.1, 0.9]])).hardly_differs
        False
    """

    low: float
    mean: float
    high: float

    @classmethod
    def of(cls, values: np.ndarray) -> MapSpread:
        """The spread of all values, of which there is at least one."""
        low, high = np.quantile(values, (0.05, 0.95)).tolist()
        return cls(low, float(values.mean(dtype=np.float64)), high)

    @classmethod
    def of_histogram(cls, counts: np.ndarray) -> MapSpread:
        """The spread of values from 0 to 1 from their number of pixels by level, (L,); all 0 where there is none.

        Example:
            >>> MapSpread.of_histogram(np.array([0, 10, 0]))
            MapSpread(low=0.5, mean=0.5, high=0.5)
        """
        total, top = int(counts.sum()), len(counts) - 1
        if total == 0:
            return cls(0.0, 0.0, 0.0)
        low, high = np.searchsorted(np.cumsum(counts), (0.05 * total, 0.95 * total)) / top
        return cls(float(low), float(counts @ np.arange(len(counts)) / total / top), float(high))

    @property
    def hardly_differs(self) -> bool:
        """True where 90 % of the pixels lie within a few percent of the mean."""
        return self.high - self.low <= HARDLY * abs(self.mean)

    @property
    def words(self) -> str:
        """The three numbers in words.

        Example:
            >>> MapSpread(0.4979, 0.5, 0.5021).words
            '5th to 95th percentile 0.498 to 0.502, mean 0.5'
        """
        return f"5th to 95th percentile {self.low:.3g} to {self.high:.3g}, mean {self.mean:.3g}"


def caution_about(name: str, spread: MapSpread, where: str = "", which: str = "") -> str | None:
    """A caution about a map that hardly differs between pixels; None of one that does.

    Args:
        name: of the map.
        spread: of its values.
        where: the images that it holds for, as " in 3 of 4 images".
        which: the one of them whose spread it is, as " in the first".

    Example:
        >>> caution_about("hardness map", MapSpread(0.1, 0.4, 0.9)) is None
        True
    """
    if not spread.hardly_differs:
        return None
    return (
        f"The {name} hardly differs between pixels{where} ({spread.words}{which}): an untrained or constant branch "
        "gives such a map, and its order of the pixels is no result."
    )
