"""Scores out of confusion matrices, counted or expected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hardpix.metrics.counting import mean_of_defined, ratio


@dataclass(frozen=True)
class Quality:
    """Scores of one image or set, or (N, …) of N images, all from 0 to 1 in float64.

    Attributes:
        accuracy: (…) share of the pixels that are right.
        miou: (…) mean IoU; NaN where no class has one.
        iou: (…, C) IoU of each class; NaN where it does not occur.
    """

    accuracy: np.ndarray
    miou: np.ndarray
    iou: np.ndarray


def quality_of(confusion: np.ndarray, known: np.ndarray | None = None) -> Quality:
    """Scores of confusion matrices: row true class, column predicted class.

    Args:
        confusion: (…, C, C) counts, or expected ones.
        known: (C,) classes that have an IoU and count in the mean; all by default.

    Example:
        >>> found = quality_of(np.array([[1.5, 0.3], [0.5, 0.7]]))
        >>> found.accuracy.round(4).item(), found.iou.round(4).tolist()
        (0.7333, [0.6522, 0.4667])
    """
    confusion = np.asarray(confusion, dtype=np.float64)
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    iou = ratio(right, confusion.sum(-1) + confusion.sum(-2) - right)
    if known is not None:
        iou = np.where(known, iou, np.nan)
    return Quality(ratio(right.sum(-1), confusion.sum((-2, -1))), mean_of_defined(iou), iou)


def expected_quality(
    confusion: np.ndarray, predicted: np.ndarray, missed: np.ndarray, known: np.ndarray | None = None
) -> Quality:
    """Scores of expected confusion matrices, of the classes that are predicted.

    A class that is not predicted has some expected pixels in every image, and an IoU of 0 in few. It counts in the mean
    as often as it occurs where it is not predicted: mIoU = Σ IoU over the predicted classes / (their number + Σ of
    `missed` over the others).

    Args:
        confusion: (…, C, C).
        predicted: (…, C) pixels of each predicted class.
        missed: (C,) chance that the class occurs where it is not predicted; of an image: :func:`missed_share`.
        known: (C,) classes that have an IoU; all by default.

    Example:
        >>> expected_quality(np.array([[3.0, 0.0], [1.0, 0.0]]), np.array([4, 0]), np.array([0.5, 0.5])).miou.item()
        0.5
    """
    found = quality_of(confusion, known)
    there = (predicted > 0) & ~np.isnan(found.iou)
    absent = (predicted == 0) if known is None else (predicted == 0) & known
    weight = there.sum(-1) + (absent * missed).sum(-1)
    iou = np.where(there, found.iou, np.nan)
    miou = np.where(there.any(-1), ratio(np.nan_to_num(iou).sum(-1), weight), np.nan)
    return Quality(found.accuracy, miou, iou)


def missed_share(predicted: np.ndarray, confusion: np.ndarray) -> np.ndarray:
    """Share of the images with a class among those where it is not predicted, (C,); 0 where it always is.

    Args:
        predicted: (N, C) pixels of each predicted class.
        confusion: (N, C, C) counts, row true class.

    Example:
        >>> confusion = np.array([[[3, 0], [1, 0]], [[4, 0], [0, 0]]])
        >>> missed_share(confusion.sum(1), confusion).tolist()
        [0.0, 0.5]
    """
    absent = predicted == 0
    return np.nan_to_num(ratio((absent & (confusion.sum(-1) > 0)).sum(0), absent.sum(0)))
