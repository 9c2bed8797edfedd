"""One side of a diagnosis, masks or predictions: the way from stored labels to classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from hardpix.data import ClassTable, DataError
from hardpix.data.errors import unusable
from hardpix.data.labels import HIGHEST_ID, Label, count_labels, gray_as_ids
from hardpix.data.limits import MAX_PIXELS
from hardpix.data.mask_checks import MOST_LABELS
from hardpix.data.mask_facts import MaskFacts, mask_facts
from hardpix.data.masks import read_mask
from hardpix.diagnosis.agreement import NO_LABEL, UNKNOWN

Ids = Literal["stored", "index"]


@dataclass(frozen=True)
class SideReader:
    """Reads the label maps of one side.

    Attributes:
        classes: the class table in the ids of this side; None until the ids have been found.
        renamed: stored id → the id that the table has for it; other ids stay as they are.
        levels: the two classes of `ClassTable.from_threshold`, for files of gray levels; their ids are then 0 and 1.

    Example:
        >>> side = SideReader(ClassTable(["background", "lesion"], [0, 255], ignore_ids=[]), {1: 255})
        >>> side.index_of(1), side.index_of(2)
        (1, None)
    """

    classes: ClassTable | None = None
    renamed: Mapping[int, int] = field(default_factory=dict)
    levels: ClassTable | None = None

    @property
    def table(self) -> ClassTable:
        """The class table, which must be known."""
        assert self.classes is not None
        return self.classes

    def load(self, path: Path, max_pixels: int = MAX_PIXELS) -> np.ndarray:
        """A map as stored: (H, W) ids or gray levels, or (H, W, 3) colors.

        Raises:
            DataError: the file cannot be read, or has colors in place of gray levels.
        """
        stored = read_mask(path, by_color=self.classes is not None and self.classes.by_color, max_pixels=max_pixels)
        if self.levels is not None and gray_as_ids(stored).ndim != 2:
            raise DataError.of([unusable(path, "one number a pixel where a threshold is given", "colors")])
        return stored

    def ids(self, stored: np.ndarray) -> np.ndarray:
        """A map as stored → (H, W) ids; colors as the first id of their class, `NO_LABEL`, or `UNKNOWN`."""
        if self.levels is not None:
            return self.levels.codes(gray_as_ids(stored))[0]
        if self.classes is None or not self.classes.colors:
            stored = gray_as_ids(stored)
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
        if self.levels is not None or not self.table.colors:
            stored = gray_as_ids(stored)
        if self.levels is not None:
            stored = self.levels.codes(stored)[0]
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

    def facts(self, path: Path, stored: np.ndarray, ids: Mapping[int, int]) -> MaskFacts:
        """The facts by which it can be told how a map is meant.

        Args:
            path: of the file.
            stored: the map.
            ids: how many pixels each id of `ids` has.
        """
        if self.levels is not None:
            gray = count_labels(gray_as_ids(stored))
            by_class = dict[Label, int](zip((0, self.levels.ids[1][0]), (ids.get(0, 0), ids.get(1, 0)), strict=True))
            return mask_facts(path, stored, self.levels, labels=gray if len(gray) <= MOST_LABELS else by_class)
        label_of = self._color_of if stored.ndim == 3 and self.classes and self.classes.colors else lambda i: i
        return mask_facts(path, stored, self.classes, labels={label_of(i): n for i, n in ids.items() if i != UNKNOWN})

    def _color_of(self, i: int) -> Label:
        """The color that stands for an id of `ids` in a map of colors."""
        index = self.index_of(i)
        assert index is not None
        return self.table.ignore_colors[0] if index < 0 else self.table.colors[index][0]
