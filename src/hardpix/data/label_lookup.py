"""Lookup of stored labels, ids or colors, in a class table, and the way back from class indices."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np

from hardpix.data.labels import HIGHEST_ID, Label, count_labels, find_colors, gray_as_ids
from hardpix.data.palette import Color, palette

_IGNORED, _UNKNOWN = -1, -2


class LabelLookup:
    """Translates between stored masks and class indices, for a table that has the attributes below.

    Attributes:
        ids: the stored ids of each class, the first of which is written.
        colors: the stored colors of each class; empty where there are none.
        ignore_ids: stored ids without a label.
        ignore_colors: stored colors without a label.
        threshold: of two classes, the number from which on stored numbers are the second.
    """

    ids: tuple[tuple[int, ...], ...]
    colors: tuple[tuple[Color, ...], ...]
    ignore_ids: tuple[int, ...]
    ignore_colors: tuple[Color, ...]
    threshold: int | None

    def __len__(self) -> int:
        return len(self.ids)

    def indices(self, stored: np.ndarray, ignore_index: int = 255) -> np.ndarray:
        """A mask as stored, (H, W) ids or (H, W, 3) colors → (H, W) int64 in 0 … C−1 or `ignore_index`.

        Raises:
            ValueError: labels that are neither a class nor unlabeled; `unknown` counts them.
        """
        index = self._look_up(stored)
        if (index == _UNKNOWN).any():
            raise ValueError(f"expected the labels of {len(self)} classes, found also {self.unknown(stored)}")
        return np.where(index == _IGNORED, ignore_index, index).astype(np.int64)

    def codes(self, stored: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A mask as stored → its indices in the smallest type, and which of its labels are in the table.

        Returns:
            (H, W) uint8 for up to 255 classes, else uint16, whose largest value stands for no label and for labels
            that are not in the table; (H, W) boolean, False for these.

        Example:
            >>> from hardpix.data import ClassTable
            >>> table = ClassTable(["road", "vehicle"], ids=[7, 26], ignore_ids=[0])
            >>> table.codes(np.array([[0, 7, 26, 27]], dtype=np.uint8))
            (array([[255,   0,   1, 255]], dtype=uint8), array([[ True,  True,  True, False]]))
        """
        index = self._look_up(stored)
        kind: type[np.unsignedinteger] = np.uint8 if len(self) <= 255 else np.uint16
        return np.where(index < 0, kind(np.iinfo(kind).max), index.astype(kind)), index != _UNKNOWN

    def unknown(self, stored: np.ndarray) -> dict[Label, int]:
        """The labels of a stored mask that are neither a class nor unlabeled, with their number of pixels."""
        return {label: n for label, n in self.count(stored).items() if self.index_of(label) is None}

    def count(self, stored: np.ndarray) -> dict[Label, int]:
        """Number of pixels that each id, or each color, of a stored mask has."""
        return count_labels(self._labels(stored))

    def index_of(self, label: Label) -> int | None:
        """The index of one stored id or color; −1 where it is unlabeled, None where the table does not have it."""
        if isinstance(label, tuple):
            return self._by_color.get(label)
        return self._by_id.get(label) if self.threshold is None else int(label >= self.threshold)

    def stored(self, index: np.ndarray) -> np.ndarray:
        """(H, W) indices 0 … C−1 → the ids of the user's masks, uint8 where they fit, else uint16."""
        ids = np.array([entry[0] for entry in self.ids])
        return ids.astype(np.uint8 if ids.max() < 256 else np.uint16)[index]

    @property
    def shown_colors(self) -> tuple[Color, ...]:
        """The first color of every class; without colors a palette for color-blind readers."""
        return tuple(entry[0] for entry in self.colors) or palette(len(self))

    def paint(self, index: np.ndarray) -> np.ndarray:
        """(H, W) indices → (H, W, 3) uint8 colors; black where the index is no class."""
        colors = np.array([*self.shown_colors, (0, 0, 0)], dtype=np.uint8)
        return colors[np.where((index >= 0) & (index < len(self)), index, len(self))]

    @cached_property
    def _by_id(self) -> dict[int, int]:
        return _inverse(self.ids, self.ignore_ids)

    @cached_property
    def _by_color(self) -> dict[Color, int]:
        return _inverse(self.colors, self.ignore_colors)

    @cached_property
    def _table(self) -> np.ndarray:
        table = np.full(HIGHEST_ID + 1, _UNKNOWN, dtype=np.int32)
        for stored, index in self._by_id.items():
            table[stored] = index
        return table

    def _labels(self, stored: np.ndarray) -> np.ndarray:
        """The labels of an RGB mask: colors where the table has some, for black would else be taken for the id 0."""
        return stored if self.colors else gray_as_ids(stored)

    def _look_up(self, stored: np.ndarray) -> np.ndarray:
        labels = self._labels(stored)
        if labels.ndim == 3:
            return find_colors(labels, self._by_color, _UNKNOWN)
        return self._table.take(labels) if self.threshold is None else (labels >= self.threshold).astype(np.int32)


def _inverse(entries: Iterable[Iterable[Any]], ignored: Iterable[Any]) -> dict[Any, int]:
    return {label: k for k, entry in enumerate(entries) for label in entry} | dict.fromkeys(ignored, _IGNORED)
