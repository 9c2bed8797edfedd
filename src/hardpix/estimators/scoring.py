"""Score of an estimate against the truth, where it is known after all."""

from __future__ import annotations

import numpy as np

from hardpix.estimators.prediction import Predicted
from hardpix.estimators.quality import Quality


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's rank correlation, ties by their mean rank; NaN where one of the two is constant or has one number.

    Args:
        first: (N,) numbers; places where either is NaN are left out.
        second: (N,) others.

    Example:
        >>> rank_correlation(np.array([0.1, 0.5, 0.9]), np.array([1.0, 4.0, 9.0]))
        1.0
    """
    both = ~(np.isnan(first) | np.isnan(second))
    a, b = _ranks(first[both]), _ranks(second[both])
    a, b = a - a.mean() if len(a) else a, b - b.mean() if len(b) else b
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 0 else float("nan")


def _ranks(values: np.ndarray) -> np.ndarray:
    _, group, sizes = np.unique(values, return_inverse=True, return_counts=True)
    last = sizes.cumsum().astype(np.float64)
    return (last - (sizes - 1) / 2)[group]


def coverage(truth: np.ndarray, low: np.ndarray, high: np.ndarray) -> float:
    """Share of the true scores that lie within their intervals; NaN where none has both.

    Example:
        >>> coverage(np.array([0.5, 0.9, np.nan]), np.zeros(3), np.full(3, 0.6))
        0.5
    """
    known = ~(np.isnan(truth) | np.isnan(low) | np.isnan(high))
    inside = (low <= truth) & (truth <= high)
    return float(inside[known].mean()) if known.any() else float("nan")


def score_of(whole: Predicted, images: Predicted, true: Quality, each: Quality) -> dict[str, float]:
    """Errors of predicted scores, their order, and the coverage of their intervals.

    Args:
        whole: predicted for the set.
        images: predicted for its N images.
        true: of the set.
        each: true scores of the images.

    Returns:
        "accuracy_error", "miou_error", "class_iou_error": predicted minus true of the set, the last as the mean
        absolute error of the classes that have both; "image_miou_error": mean absolute error of the images;
        "rank_correlation" of the images' mIoU; "image_coverage" and "class_coverage" of the intervals.
    """
    return {
        "accuracy_error": float(whole.scores.accuracy - true.accuracy),
        "miou_error": float(whole.scores.miou - true.miou),
        "class_iou_error": _mean_error(whole.scores.iou, true.iou),
        "image_miou_error": _mean_error(images.scores.miou, each.miou),
        "rank_correlation": rank_correlation(images.scores.miou, each.miou),
        "miou_covered": float(whole.low.miou <= true.miou <= whole.high.miou),
        "image_coverage": coverage(each.miou, images.low.miou, images.high.miou),
        "class_coverage": coverage(true.iou, whole.low.iou, whole.high.iou),
    }


def _mean_error(found: np.ndarray, true: np.ndarray) -> float:
    errors = np.abs(found - true)
    return float(np.nanmean(errors)) if not np.isnan(errors).all() else float("nan")
