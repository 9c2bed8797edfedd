"""Histograms of a map's values over right and wrong pixels: the state behind ranking and calibration."""

import numpy as np

from hardpix.metrics.fixed_point import LEVELS, sixteen_bits
from hardpix.metrics.label_pair import LabelPair, label_pair


def error_histogram(
    values: np.ndarray,
    prediction: np.ndarray,
    target: np.ndarray,
    num_classes: int,
    ignore_index: int = 255,
    mask: np.ndarray | None = None,
) -> np.ndarray:
    """Numbers of right and of wrong pixels at each of the 65536 values of a 16-bit map.

    All that :func:`error_ranking`, :func:`risk_at_coverage`, :func:`calibration_error` and :func:`reliability_diagram`
    need of a data set: 1 MiB whatever its size, and histograms of its parts add up to that of the whole.

    Args:
        values: (H, W) hardness, confidence or another map from 0 to 1: uint16 (65535 means 1), uint8 (255 means 1) or
            floats, which are rounded to steps of 1/65535.
        prediction: (H, W) class ids from 0 to C − 1.
        target: (H, W) class ids or ``ignore_index``.
        num_classes: C.
        ignore_index: the id of unlabeled pixels, which are not counted.
        mask: (H, W) boolean, the pixels to count: a border band, thin parts; all for None.

    Returns:
        (2, 65536) int64: row 0 right pixels, row 1 wrong ones.

    Raises:
        ValueError: shapes that differ; labels that are no integers or outside the classes; a map of another type, or
            numbers outside 0 to 1 in labeled pixels.

    Example:
        >>> hardness = np.array([[0.0, 1.0, 0.2]])
        >>> counts = error_histogram(hardness, np.array([[0, 1, 1]]), np.array([[0, 0, 255]]), num_classes=2)
        >>> counts[0].nonzero()[0], counts[1].nonzero()[0]
        (array([0]), array([65535]))
    """
    return count_values(values, label_pair(prediction, target, num_classes, ignore_index), mask)


def count_values(values: np.ndarray, pair: LabelPair, mask: np.ndarray | None = None) -> np.ndarray:
    """The same of a pair of label maps that has been checked."""
    guess, truth, valid, _ = pair
    levels = sixteen_bits(values, valid)
    if mask is not None:
        if mask.shape != valid.shape or mask.dtype != bool:
            raise ValueError(f"expected a boolean mask of shape {valid.shape}, found {mask.dtype} of {mask.shape}")
        valid = valid & mask
    right = np.bincount(levels[valid & (guess == truth)], minlength=LEVELS)
    wrong = np.bincount(levels[valid & (guess != truth)], minlength=LEVELS)
    return np.stack([right, wrong]).astype(np.int64)
