"""The contract of a figure of the report: counted in each image, summed over the set, computed from the sums."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from hardpix.diagnosis.image_maps import ImageMaps

Level = Literal["set", "class", "image"]


@dataclass(frozen=True)
class Column:
    """A figure as it is shown, exported and explained: of the whole set, of each class, of each image.

    Values of the unit "%" are shares from 0 to 1. `better` is None where neither high nor low is good. Figures with a
    `headline` stand at the head of the report in the order of that number.
    """

    key: str
    title: str
    of: Set[Level]
    unit: Literal["%", "px", "count", ""]
    better: Literal["high", "low"] | None
    about: str
    group: str = "Own"
    headline: int | None = None

    def __post_init__(self) -> None:
        if isinstance(self.of, str) or not self.of or not set(self.of) <= set(get_args(Level)):
            raise ValueError(f"expected {self.key} to be of a set such as {{'class', 'image'}}, found {self.of!r}")
        if self.unit not in ("%", "px", "count", "") or self.better not in ("high", "low", None):
            raise ValueError(f"expected a unit and a direction that columns have, found {self.unit!r}, {self.better!r}")


class Score:
    """One figure of the report, or several from the same counts."""

    columns: tuple[Column, ...] = ()

    @property
    def path(self) -> str:
        """Its class path, for messages."""
        return f"{type(self).__module__}.{type(self).__qualname__}"

    def count(self, maps: ImageMaps) -> np.ndarray | None:
        """Count one image: int64 of one shape for all images, which add up; None where it lacks what is needed."""
        raise NotImplementedError

    def compute(self, counts: np.ndarray) -> dict[str, Any]:
        """Figures by column key: a number, or (C,) for the classes, of which set and image have the mean; or NaN."""
        return {}

    def compute_image(self, counts: np.ndarray) -> dict[str, Any]:
        """The same of one image, where it means something else there."""
        return self.compute(counts)

    def tables(self, counts: np.ndarray | None) -> dict[str, Any]:
        """Further entries of the report's summary, for views of their own; `counts` is None where no image had any."""
        return {}
