"""Depth as a kind of map: nearer where the image is enlarged, and checked for its unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from torch import Tensor

from hardpix.data.depth import METERS, DepthFormat, read_depth
from hardpix.data.depth_problems import nothing_known, nothing_known_anywhere, wrong_unit
from hardpix.data.errors import Problem
from hardpix.data.map_kind import MapFacts, MapKind
from hardpix.pixels.percent import percent


class DepthSeen(NamedTuple):
    """Median of the known depth of a map, in meters, and the share of the pixels where it is known."""

    median: float
    known: float


@dataclass(frozen=True)
class DepthKind(MapKind):
    """Maps of meters, NaN where unknown.

    Args:
        depth_format: how stored numbers become meters; set it by `stored_as`, which binds the reader.
    """

    depth_format: DepthFormat = METERS

    def stored_as(self, depth_format: DepthFormat) -> DepthKind:
        """The same kind for files of another format."""
        return replace(self, depth_format=depth_format, read=partial(read_depth, depth_format=depth_format))

    def moved(self, values: Tensor, scale: float) -> Tensor:
        return values / scale

    def look(self, path: Path, values: np.ndarray) -> MapFacts:
        known = values[~np.isnan(values)]
        if not known.size:
            return MapFacts(warnings=[nothing_known(path)], known=False)
        seen = DepthSeen(float(np.median(known)), known.size / values.size)
        problem = wrong_unit(path, seen.median, self.depth_format)
        return MapFacts([] if problem is None else [problem], seen=seen)

    def nothing_known(self, folder: Path) -> Problem:
        return nothing_known_anywhere(folder)

    def summary(self, seen: Sequence[DepthSeen]) -> str:
        """Numbers that tell whether the unit is right, and unknown depth known as such."""
        medians = [each.median for each in seen]
        low, middle, high = (f"{at:.2g}" if at < 100 else f"{at:.0f}" for at in np.quantile(medians, (0, 0.5, 1)))
        known = sum(each.known for each in seen) / len(seen)
        return (
            f"Depth of {len(seen)} training images: their medians are {low} to {high} m, {middle} m in the middle; "
            f"known at {percent(known)} of the pixels."
        )
