"""Per-pixel maps that may come with the images: the library's own are listed here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable
from math import nan
from types import MappingProxyType

from hardpix.data.depth import DepthFormat, read_depth
from hardpix.data.depth_kind import DepthKind
from hardpix.data.images import read_weight
from hardpix.data.map_kind import MapFacts, MapKind, by_key

__all__ = ["MAPS", "MapFacts", "MapKind", "by_key", "with_settings"]

_DEPTH = DepthKind("depth", "depth", nan, read_depth, needed=False, training_only=True, suffix_setting="depth_suffix")
_WEIGHT = MapKind("weight", "weights", 0.0, read_weight, training_only=True)

# Read-only: a data set gets further kinds as an argument.
MAPS = MappingProxyType(by_key([_DEPTH, _WEIGHT]))


def with_settings(
    kinds: Iterable[MapKind], depth_format: DepthFormat | None = None, max_pixels: int | None = None
) -> dict[str, MapKind]:
    """Kinds by key, with the settings of a data set bound to their readers.

    Args:
        kinds: the library's, and others.
        depth_format: how stored depth becomes meters; None leaves it as the kind has it.
        max_pixels: height × width of the largest file that is read; None leaves it, too.

    Example:
        >>> import numpy as np
        >>> from tempfile import TemporaryDirectory
        >>> millimeters = with_settings(MAPS.values(), DepthFormat(scale=0.001))
        >>> with TemporaryDirectory() as folder:
        ...     np.save(f"{folder}/a.npy", np.array([[2500]]))
        ...     millimeters["depth"].read(f"{folder}/a.npy")
        array([[2.5]], dtype=float32)
    """
    if depth_format is not None:
        kinds = [kind.stored_as(depth_format) if isinstance(kind, DepthKind) else kind for kind in kinds]
    return by_key(kinds if max_pixels is None else [kind.limited(max_pixels) for kind in kinds])
