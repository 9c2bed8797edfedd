"""Pairs of stored ids in masks and predictions, and the agreement of the two sides when read one way.

The pairs are counted once, while the files are read; every reading is then scored from these counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hardpix.data.labels import HIGHEST_ID

# Beside the ids 0 … 65535: colors that stand for no label, and colors that are not in the class table.
NO_LABEL, UNKNOWN = HIGHEST_ID + 1, HIGHEST_ID + 2
_BITS = 17


@dataclass(frozen=True)
class Pairs:
    """Sparse counts of pixels by stored id in the mask and stored id in the prediction.

    Attributes:
        truth: (N,) ids of masks.
        predicted: (N,) ids of predictions; no pair of ids occurs twice.
        pixels: (N,) int64, above 0.
    """

    truth: np.ndarray
    predicted: np.ndarray
    pixels: np.ndarray

    def __len__(self) -> int:
        return len(self.pixels)

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        return zip(self.truth.tolist(), self.predicted.tolist(), self.pixels.tolist(), strict=True)

    @cached_property
    def of_truth(self) -> dict[int, int]:
        """Pixels of every id in the masks."""
        return _totals(self.truth, self.pixels)

    @cached_property
    def of_predictions(self) -> dict[int, int]:
        """Pixels of every id in the predictions."""
        return _totals(self.predicted, self.pixels)

    def where(self, chosen: np.ndarray) -> Pairs:
        """The pairs at which `chosen`, (N,) boolean, is True."""
        return Pairs(self.truth[chosen], self.predicted[chosen], self.pixels[chosen])


def count_pairs(truth: np.ndarray, predicted: np.ndarray) -> Pairs:
    """Count the pairs of two (H, W) maps of ids 0 … 65537.

    Example:
        >>> count_pairs(np.array([[0, 255]]), np.array([[1, 1]])).pixels
        array([1, 1])
    """
    (rows, row_of), (columns, column_of) = _ranked(truth), _ranked(predicted)
    if len(rows) * len(columns) <= 1 << 22:
        codes = row_of * np.uint32(len(columns)) + column_of
        every = np.bincount(codes.ravel())
        found = np.flatnonzero(every)
        counts = every[found]
    else:
        found, counts = np.unique(row_of.astype(np.int64) * len(columns) + column_of, return_counts=True)
    return Pairs(rows[found // len(columns)], columns[found % len(columns)], counts.astype(np.int64))


def _ranked(ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The ids that may occur, ascending, and for every pixel the place of its id among them."""
    highest = int(ids.max())
    if highest < 256:
        return np.arange(highest + 1), ids.astype(np.uint16)
    present = np.flatnonzero(np.bincount(ids.ravel()))
    rank = np.zeros(highest + 1, dtype=np.uint32)
    rank[present] = np.arange(len(present), dtype=np.uint32)
    return present, rank[ids]


def sum_pairs(parts: Iterable[Pairs]) -> Pairs:
    """The pairs of several maps together.

    Example:
        >>> one = count_pairs(np.array([[0, 0]]), np.array([[1, 2]]))
        >>> sum_pairs([one, one]).pixels
        array([2, 2])
    """
    parts = list(parts)
    if not parts:
        nothing = np.zeros(0, dtype=np.int64)
        return Pairs(nothing, nothing, nothing)
    truth, predicted, pixels = (
        np.concatenate([getattr(part, name) for part in parts]).astype(np.int64)
        for name in ("truth", "predicted", "pixels")
    )
    codes, place = np.unique(truth << _BITS | predicted, return_inverse=True)
    total = np.zeros(len(codes), dtype=np.int64)
    np.add.at(total, place.ravel(), pixels)
    return Pairs(codes >> _BITS, codes & (1 << _BITS) - 1, total)


@dataclass(frozen=True)
class Agreement:
    """Agreement of masks and predictions that are read one way.

    Attributes:
        labeled: pixels that have a class in the masks.
        unread: labeled pixels without a class in the predictions; they count as wrong.
        accuracy: share of the labeled pixels with the same class on both sides.
        kappa: Cohen's kappa, the agreement beyond that of a prediction which ignores the image: 0 for a constant.
        miou: mean IoU over the classes that occur.
    """

    labeled: int
    unread: int
    accuracy: float
    kappa: float
    miou: float


def agreement(pairs: Pairs, truth: Mapping[int, int], predictions: Mapping[int, int]) -> Agreement:
    """Score one reading of stored ids.

    Args:
        pairs: counts of the stored ids.
        truth: class of every id in the masks; ids that are missing have no label.
        predictions: the same of the predictions.

    Example:
        >>> pairs = count_pairs(np.array([[0, 0, 255, 255]]), np.array([[0, 0, 1, 0]]))
        >>> agreement(pairs, {0: 0, 255: 1}, {0: 0, 1: 1}).accuracy
        0.75
    """
    number = {key: k for k, key in enumerate(sorted({*truth.values(), *predictions.values()}))}
    true, predicted = (
        np.array([number.get(side.get(i, -1), -1) for i in ids.tolist()], dtype=np.int64)
        for side, ids in ((truth, pairs.truth), (predictions, pairs.predicted))
    )
    known = true >= 0
    confusion = np.zeros((len(number) + 1, len(number) + 1))
    np.add.at(confusion, (true[known], predicted[known]), pairs.pixels[known])
    labeled = confusion.sum()
    if not labeled:
        return Agreement(0, 0, 0.0, 0.0, 0.0)
    rows, columns, hits = confusion.sum(1), confusion.sum(0), confusion.trace()
    by_chance = float(rows @ columns) / labeled**2
    # The last column holds predictions without a class.
    joined = (rows + columns - confusion.diagonal())[:-1]
    occurs = joined > 0
    return Agreement(
        labeled=int(labeled),
        unread=int(columns[-1]),
        accuracy=float(hits / labeled),
        kappa=float((hits / labeled - by_chance) / (1 - by_chance)) if by_chance < 1 else 0.0,
        miou=float((confusion.diagonal()[:-1][occurs] / joined[occurs]).mean()) if occurs.any() else 0.0,
    )


def matched(overlap: np.ndarray) -> list[tuple[int, int]]:
    """Match rows and columns of a table of pixels one to one, the pairs of highest IoU first.

    Args:
        overlap: (R, C) pixels by row and column.

    Example:
        >>> matched(np.array([[1, 9], [7, 0]]))
        [(0, 1), (1, 0)]
    """
    joined = overlap.sum(1, keepdims=True) + overlap.sum(0) - overlap
    iou = np.where(overlap > 0, overlap / np.maximum(joined, 1), 0.0)
    pairs = []
    while iou.size and iou.max() > 0:
        row, column = np.unravel_index(iou.argmax(), iou.shape)
        pairs.append((int(row), int(column)))
        iou[row], iou[:, column] = 0, 0
    return pairs


def _totals(ids: np.ndarray, pixels: np.ndarray) -> dict[int, int]:
    found, place = np.unique(ids, return_inverse=True)
    total = np.zeros(len(found), dtype=np.int64)
    np.add.at(total, place.ravel(), pixels)
    return dict(zip(found.tolist(), total.tolist(), strict=True))
