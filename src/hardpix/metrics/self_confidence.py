"""Confident learning, first pass: how sure a network is of each class where that class is the label."""

from typing import Any

import numpy as np

from hardpix.metrics.counting import ProbabilityMetric, declared
from hardpix.metrics.fixed_point import unit_interval
from hardpix.metrics.label_pair import labeled

# 65535 · 257 = 255 · 257 · 257, about 2²⁴: uint8 and uint16 probabilities are whole numbers of it, floats are rounded
# to it by 3e-8 at most, and 10¹¹ pixels fit into an int64.
_UNIT = 65535 * 257


def self_confidence_counts(probabilities: np.ndarray, target: np.ndarray, ignore_index: int = 255) -> np.ndarray:
    """Number of pixels of each label, and the sum of the probabilities that the network gives to it there.

    The state of a data set has 2 · C numbers, and that of its parts adds up to that of the whole;
    :func:`confident_thresholds` reads it.

    Args:
        probabilities: (C, H, W) floats from 0 to 1, uint16 (65535 means 1) or uint8 (255 means 1). Out of sample: from
            a network that was not trained on this image.
        target: (H, W) the given labels, class ids or ``ignore_index``.
        ignore_index: the id of unlabeled pixels, which are not counted.

    Returns:
        (2, C) int64: row 0 pixels, row 1 the sum in units of 1/16842495.

    Raises:
        ValueError: shapes that do not fit; labels that are no integers or outside the classes; probabilities of another
            type or outside 0 to 1.

    Example:
        >>> probabilities = np.array([[[0.9, 0.6, 0.2]], [[0.1, 0.4, 0.8]]])
        >>> counts = self_confidence_counts(probabilities, np.array([[0, 0, 1]]))
        >>> counts[0], confident_thresholds(counts).round(4)
        (array([2, 1]), array([0.75, 0.8 ]))
    """
    classes = check_probabilities(probabilities, target)
    truth, valid = labeled(target, classes, ignore_index)
    labels = truth[valid]
    rows, columns = np.nonzero(valid)
    own = probabilities[labels, rows, columns]
    if own.dtype.kind == "f":
        parts = np.rint(unit_interval(own).astype(np.float64) * _UNIT)
    else:
        parts = own * (_UNIT / np.iinfo(own.dtype).max)
    # Sums of whole numbers far below 2⁵³, so float64 is exact.
    sums = np.bincount(labels, weights=parts, minlength=classes)
    return np.stack([np.bincount(labels, minlength=classes), np.rint(sums).astype(np.int64)]).astype(np.int64)


def confident_thresholds(counts: np.ndarray) -> np.ndarray:
    """Per class, the mean probability of that class over the pixels that are labeled as it: t_j of confident learning.

    A network is confident that a pixel is of class j where p_j ≥ t_j.

    Source: Northcutt et al., arXiv 1911.00068.

    Args:
        counts: (2, C) as :func:`self_confidence_counts` has them.

    Returns:
        (C,) float64; NaN for a class that is no label.

    Example:
        >>> confident_thresholds(np.array([[4, 0], [16842495, 0]]))
        array([0.25,  nan])
    """
    pixels, sums = counts
    with np.errstate(invalid="ignore"):
        return sums / pixels / _UNIT


def check_probabilities(probabilities: np.ndarray, target: np.ndarray) -> int:
    """The number of classes.

    Raises:
        ValueError: shapes that do not fit; probabilities of another type.
    """
    if probabilities.ndim != 3 or probabilities.shape[1:] != target.shape:
        raise ValueError(
            f"expected probabilities (C, H, W) and labels (H, W), found {probabilities.shape} and {target.shape}"
        )
    if probabilities.dtype.kind != "f" and probabilities.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"expected probabilities as floats, uint8 or uint16, found {probabilities.dtype}")
    return len(probabilities)


def _scores(counts: np.ndarray) -> dict[str, np.ndarray]:
    return {"thresholds": confident_thresholds(counts), "pixels": counts[0]}


class SelfConfidence(ProbabilityMetric):
    """The thresholds of confident learning, over a whole set of images: :func:`self_confidence_counts`.

    Args:
        num_classes: C.
        ignore_index: the id of unlabeled pixels.

    Shapes (of update):
        probabilities (B, C, H, W) floats from 0 to 1, or uint16 or uint8 whose largest number means 1; target (B, H, W)
        class ids or ``ignore_index``. Counted on the CPU, wherever they are.

    Returns (from compute):
        Dict: "thresholds", (C,) float64, NaN for a class that is no label; "pixels", (C,) int64, how many carry it.

    Example:
        >>> import torch
        >>> first = SelfConfidence(num_classes=2)
        >>> first.update(torch.tensor([[[[0.9, 0.5]], [[0.1, 0.5]]]]), torch.tensor([[[0, 0]]]))
        >>> first.compute()["thresholds"]
        tensor([0.7000,    nan], dtype=torch.float64)
    """

    count, score = staticmethod(self_confidence_counts), staticmethod(_scores)
    shape = staticmethod(lambda num_classes: (2, num_classes))

    @declared
    def __init__(self, num_classes: int, ignore_index: int = 255, **kwargs: Any) -> None: ...
