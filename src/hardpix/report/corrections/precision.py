"""Precision of a network's classes at each confidence: how often it is right when it says a class."""

from __future__ import annotations

import numpy as np

BINS = 100


def count_said(predicted: np.ndarray, confidence: np.ndarray, target: np.ndarray, classes: int) -> np.ndarray:
    """(2, C, BINS) int64: pixels predicted as each class, and those labeled so, by confidence in equally wide bins.

    Args:
        predicted: (N,) classes, of labeled pixels.
        confidence: (N,) their probabilities.
        target: (N,) labels.
        classes: C.

    Example:
        >>> said = count_said(np.array([1, 1]), np.array([0.503, 0.999]), np.array([0, 1]), 2)
        >>> said[:, 1, [50, 99]].tolist()
        [[1, 1], [0, 1]]
    """
    place = predicted.astype(np.int64) * BINS + bins_of(confidence)
    counts = [np.bincount(each, minlength=classes * BINS) for each in (place, place[predicted == target])]
    return np.stack(counts).reshape(2, classes, BINS)


def bins_of(confidence: np.ndarray) -> np.ndarray:
    """Bin of each probability; the last one has 1, and the first what is not a number."""
    return (np.nan_to_num(confidence) * BINS).astype(np.int64).clip(0, BINS - 1)


def precision_from(said: np.ndarray) -> np.ndarray:
    """(C, BINS): share of the pixels that carry the label, among those predicted so with the bin's confidence or more.

    NaN where there is none. Wrong labels make it smaller, so that it errs to the careful side.

    Example:
        >>> said = count_said(np.array([1, 1]), np.array([0.503, 0.999]), np.array([0, 1]), 2)
        >>> precision_from(said)[1, [0, 50, 51, 99]].tolist()
        [0.5, 0.5, 1.0, 1.0]
    """
    number, right = said[..., ::-1].cumsum(-1)[..., ::-1]
    with np.errstate(invalid="ignore"):
        return right / number


def least_confidence(precision: np.ndarray, least: float) -> np.ndarray:
    """(C,) confidence from which each class is right in at least that share; infinite where it never is.

    Example:
        >>> said = count_said(np.array([1, 1]), np.array([0.503, 0.999]), np.array([0, 1]), 2)
        >>> least_confidence(precision_from(said), 0.8).tolist()
        [inf, 0.51]
    """
    # Nothing is known of bins without a pixel, but there nothing is proposed either.
    enough = np.nan_to_num(precision, nan=-1.0) >= least
    first = enough.argmax(1) / BINS
    return np.where(enough.any(1), first, np.inf) if least > 0 else np.zeros(len(precision))
