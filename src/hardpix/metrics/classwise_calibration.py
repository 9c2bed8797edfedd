"""Classwise calibration: is the probability of every class its frequency?"""

from typing import Any

import numpy as np

from hardpix.metrics.calibration import bin_sums
from hardpix.metrics.counting import ProbabilityMetric, declared
from hardpix.metrics.fixed_point import LEVELS, sixteen_bits
from hardpix.metrics.label_pair import labeled
from hardpix.metrics.self_confidence import check_probabilities


def classwise_calibration_counts(
    probabilities: np.ndarray, target: np.ndarray, ignore_index: int = 255, bins: int = 15
) -> np.ndarray:
    """For every class and bin of its probability: pixels, the sum of the probabilities, and pixels of that class.

    Bin m of M holds the probabilities above (m − 1)/M and up to m/M; the first one holds 0 as well.

    Args:
        probabilities: (C, H, W) floats from 0 to 1, rounded to steps of 1/65535; uint16 (65535 means 1) or uint8 (255
            means 1).
        target: (H, W) class ids or ``ignore_index``.
        ignore_index: the id of unlabeled pixels, which are not counted.
        bins: M, ≥ 1.

    Returns:
        (C, 3, M) int64, the sums of probabilities in units of 1/65535. Counts of several images add up.

    Raises:
        ValueError: shapes that do not fit; labels that are no integers or outside the classes; probabilities of another
            type or outside 0 to 1; fewer than one bin.

    Example:
        >>> probabilities = np.array([[[1.0, 0.6]], [[0.0, 0.4]]])
        >>> classwise_calibration_counts(probabilities, np.array([[0, 1]]), bins=2)[0]
        array([[     0,      2],
               [     0, 104856],
               [     0,      1]])
    """
    classes = check_probabilities(probabilities, target)
    if bins < 1:
        raise ValueError(f"expected at least 1 bin, found {bins}")
    truth, valid = labeled(target, classes, ignore_index)
    counts = np.empty((classes, 3, bins), dtype=np.int64)
    for k, plane in enumerate(probabilities):
        levels = sixteen_bits(plane, valid)
        everywhere = np.bincount(levels[valid], minlength=LEVELS)
        own = np.bincount(levels[truth == k], minlength=LEVELS)
        counts[k] = bin_sums(np.stack([own, everywhere - own]), bins)
    return counts


def classwise_calibration_error(counts: np.ndarray) -> np.ndarray:
    """Per class k, Σ_m n_m/N · |share of class k − mean p_k| over the bins of p_k.

    The mean over the classes is the static calibration error. Other than the error of the confidence, it sees every
    probability, also those of classes that are seldom predicted.

    Source: Nixon et al., arXiv 1904.01685.

    Args:
        counts: (C, 3, M) as :func:`classwise_calibration_counts` has them.

    Returns:
        (C,) float64; NaN where there is no pixel.

    Example:
        >>> probabilities = np.array([[[1.0, 0.6]], [[0.0, 0.4]]])
        >>> counts = classwise_calibration_counts(probabilities, np.array([[0, 1]]), bins=2)
        >>> classwise_calibration_error(counts).round(4)
        array([0.3, 0.3])
    """
    pixels, probability, own = counts.transpose(1, 0, 2)
    # n_m · |share − mean| is |pixels of the class − sum of the probabilities|: no bin is divided by.
    with np.errstate(invalid="ignore"):
        return np.abs(own - probability / (LEVELS - 1)).sum(1) / pixels.sum(1)


def _scores(counts: np.ndarray) -> dict[str, np.ndarray]:
    errors = classwise_calibration_error(counts)
    return {"class_ece": errors, "static_ece": errors.mean()}


class ClasswiseCalibration(ProbabilityMetric):
    """Probability of every class against its frequency, over a whole set of images.

    Args:
        num_classes: C.
        ignore_index: the id of unlabeled pixels.
        bins: number of equally wide bins.

    Shapes (of update):
        probabilities (B, C, H, W) floats from 0 to 1, or uint16 or uint8 whose largest number means 1; target (B, H, W)
        class ids or ``ignore_index``. Counted on the CPU, wherever they are.

    Returns (from compute):
        Dict of float64 tensors: "class_ece", (C,), of :func:`classwise_calibration_error`; "static_ece", its mean.

    Example:
        >>> import torch
        >>> scores = ClasswiseCalibration(num_classes=2, bins=2)
        >>> scores.update(torch.tensor([[[[1.0, 0.6]], [[0.0, 0.4]]]]), torch.tensor([[[0, 1]]]))
        >>> round(scores.compute()["static_ece"].item(), 4)
        0.3
    """

    count, score = staticmethod(classwise_calibration_counts), staticmethod(_scores)
    shape = staticmethod(lambda num_classes, bins: (num_classes, 3, bins))

    @declared
    def __init__(self, num_classes: int, ignore_index: int = 255, bins: int = 15, **kwargs: Any) -> None: ...
