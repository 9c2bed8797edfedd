"""One side of a diagnosis, masks or predictions: the way from stored labels to classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from hardpix.data import ClassTable, DataError
from hardpix.data.errors import unusable
from hardpix.data.labels import HIGHEST_ID, grey_as_ids
from hardpix.data.limits import MAX_PIXELS
from hardpix.data.masks import read_mask
from hardpix.diagnosis.agreement import NO_LABEL, UNKNOWN

Ids = Literal["stored", "index"]


@dataclass(frozen=True)
class Side:
    """Reads the label maps of one side.

    Attributes:
        classes: the class table in the ids of this side; None until the ids have been found.
        renamed: stored id → the id that the table has for it; other ids stay as they are.
        threshold: values from here on are 1, those below are 0.

    Example:
        >>> side = Side(ClassTable(["background", "lesion"], [0, 255], ignore_ids=[]), {1: 255})
        >>> side.index_of(1), side.index_of(2)
        (1, None)
    """

    classes: ClassTable | None = None
    renamed: Mapping[int, int] = field(default_factory=dict)
    threshold: int | None = None

    @property
    def table(self) -> ClassTable:
        """The class table, which must be known."""
        assert self.classes is not None
        return self.classes

    def load(self, path: Path, max_pixels: int = MAX_PIXELS) -> np.ndarray:
        """A map as stored: (H, W) ids, 0 and 1 with a threshold, or (H, W, 3) colors.

        Raises:
            DataError: the file cannot be read, or a threshold is to be applied to colors.
        """
        stored = read_mask(path, by_color=self.classes is not None and self.classes.by_color, max_pixels=max_pixels)
        if self.threshold is None:
            return stored
        gray = grey_as_ids(stored)
        if gray.ndim != 2:
            raise DataError.of([unusable(path, "one number a pixel where a threshold is given", "colors")])
        return (gray >= self.threshold).astype(np.uint8)

    def ids(self, stored: np.ndarray) -> np.ndarray:
        """A map as stored → (H, W) ids; colors as the first id of their class, `NO_LABEL`, or `UNKNOWN`."""
        if self.classes is None or not self.classes.colours:
            stored = grey_as_ids(stored)
        if stored.ndim == 2:
            return stored
        if self.classes is None:
            return np.full(stored.shape[:2], UNKNOWN)
        codes, known = self.classes.codes(stored)
        first = np.full(np.iinfo(codes.dtype).max + 1, NO_LABEL)
        first[: len(self.classes)] = [ids[0] for ids in self.classes.ids]
        return np.where(known, first[codes], UNKNOWN)

    def codes(self, stored: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A map as stored → class indices and which labels are known, as `ClassTable.codes` gives them."""
        if not self.table.colours:
            stored = grey_as_ids(stored)
        if self.renamed and stored.ndim == 2:
            new = np.arange(HIGHEST_ID + 1, dtype=np.uint16)
            new[list(self.renamed)] = list(self.renamed.values())
            stored = new[stored]
        return self.table.codes(stored)

    def index_of(self, stored: int) -> int | None:
        """The class of an id of `ids`; −1 without a label, None where the table does not have it."""
        if stored > HIGHEST_ID:
            return -1 if stored == NO_LABEL else None
        return self.table.index_of(self.renamed.get(stored, stored))

    def reading(self, ids: Mapping[int, int]) -> dict[int, int]:
        """The class of those of the ids that have one."""
        found = {i: self.index_of(i) for i in ids}
        return {i: k for i, k in found.items() if k is not None and k >= 0}
