"""Ranking of the errors of a whole data set by a map."""

from typing import Any

import numpy as np
import torch

from hardpix.metrics.counting import HardnessMetric, declared
from hardpix.metrics.error_histogram import error_histogram
from hardpix.metrics.fixed_point import LEVELS


def error_ranking(histogram: np.ndarray) -> dict[str, float]:
    """AUROC, and the area under the risk-coverage curve beside those of a perfect and of a random map.

    AUROC is the chance that a wrong pixel has a higher value than a right one, ties half. For the other one, pixels are
    kept from the least hard on. With k of N pixels kept, the risk is the share of wrong ones among them, and AURC = 1/N
    Σ_{k=1..N} risk(k). Pixels of one value are kept in random order, of which the mean is taken. A perfect map keeps
    all right pixels first; a random one has the error rate at every coverage. Excess AURC = AURC − perfect. All are
    exact for the 16-bit map: no pixel is drawn, no curve is sampled.

    Source: risk and coverage, Geifman and El-Yaniv, arXiv 1705.08500; AURC and its excess, Geifman et al.,
    arXiv 1805.08206.

    Args:
        histogram: (2, L) counts of right and of wrong pixels at each value, least hard first, as
            :func:`error_histogram` has them. The histogram of a confidence is that of a hardness when read from the
            other end: ``histogram[:, ::-1]``.

    Returns:
        "auroc", "aurc", "aurc_perfect", "aurc_random", "excess_aurc"; NaN where there is no pixel, and for AUROC where
        all are right or all are wrong.

    Example:
        >>> scores = error_ranking(np.array([[3, 1, 0], [0, 1, 1]]))
        >>> round(scores["auroc"], 4), round(scores["aurc"], 4), round(scores["aurc_perfect"], 4)
        (0.9375, 0.1097, 0.0889)
    """
    right, wrong = histogram.astype(np.float64)
    rights, wrongs = right.sum(), wrong.sum()
    if rights + wrongs == 0:
        return dict.fromkeys(("auroc", "aurc", "aurc_perfect", "aurc_random", "excess_aurc"), float("nan"))
    below = right.cumsum() - right / 2
    auroc = float(wrong @ below / (rights * wrongs)) if rights and wrongs else float("nan")
    area, perfect = _area(right, wrong), _area(np.array([rights, 0.0]), np.array([0.0, wrongs]))
    return {
        "auroc": auroc,
        "aurc": area,
        "aurc_perfect": perfect,
        "aurc_random": float(wrongs / (rights + wrongs)),
        "excess_aurc": area - perfect,
    }


def risk_at_coverage(histogram: np.ndarray, coverage: np.ndarray) -> np.ndarray:
    """The risk-coverage curve: the share of wrong pixels among the least hard ones.

    Args:
        histogram: (2, L) counts of right and of wrong pixels at each value, as :func:`error_ranking` takes them.
        coverage: shares of the pixels that are kept, above 0 and up to 1.

    Returns:
        float64 of the shape of ``coverage``; NaN where there is no pixel. Of a value that is kept in part, its mean
        share of wrong pixels counts.

    Raises:
        ValueError: a coverage that is not above 0 and up to 1.

    Example:
        >>> risk_at_coverage(np.array([[3, 1, 0], [0, 1, 1]]), np.array([0.5, 1.0]))
        array([0.        , 0.33333333])
    """
    coverage = np.asarray(coverage, dtype=np.float64)
    if coverage.size and not (coverage.min() > 0 and coverage.max() <= 1):
        raise ValueError(f"expected coverages above 0 and up to 1, found {coverage.min()} to {coverage.max()}")
    held = histogram[:, histogram.sum(0) > 0]
    pixels, errors = np.concatenate([[0], held.sum(0).cumsum()]), np.concatenate([[0], held[1].cumsum()])
    kept = coverage * pixels[-1]
    with np.errstate(invalid="ignore"):
        return np.interp(kept, pixels, errors) / kept


def _area(right: np.ndarray, wrong: np.ndarray) -> float:
    """AURC in closed form.

    Let n tied pixels of which e are wrong come after N₀ pixels with E₀ errors. The j-th of them has the risk
    (E₀ + e·j/n) / (N₀ + j). The sum over j is e + (E₀ − e·N₀/n)·(H(N₀ + n) − H(N₀)), H the harmonic numbers.
    """
    held = (right + wrong) > 0
    right, wrong = right[held], wrong[held]
    size = right + wrong
    pixels, errors = size.cumsum(), wrong.cumsum()
    harmonic = torch.special.digamma(torch.tensor(np.concatenate([[0.0], pixels]) + 1)).numpy()
    before, errors_before = pixels - size, errors - wrong
    risks = wrong + (errors_before - wrong / size * before) * np.diff(harmonic)
    return float(risks.sum() / pixels[-1])


class ErrorRanking(HardnessMetric):
    """Ranking of the errors by a map, over a whole set of images: :func:`error_ranking` of an int64 histogram.

    Args:
        num_classes: C.
        ignore_index: the id of unlabeled pixels.

    Shapes (of update):
        hardness (B, H, W) floats from 0 to 1, or uint16 or uint8 whose largest number means 1; prediction (B, H, W)
        class ids; target (B, H, W) class ids or ``ignore_index``. Counted on the CPU, wherever they are.

    Returns (from compute):
        Dict of float64 scalars: those of :func:`error_ranking`.

    Example:
        >>> import torch
        >>> scores = ErrorRanking(num_classes=2)
        >>> scores.update(torch.tensor([[[0.1, 0.9]]]), torch.tensor([[[0, 1]]]), torch.tensor([[[0, 0]]]))
        >>> scores.compute()["auroc"]
        tensor(1., dtype=torch.float64)
    """

    count, score = staticmethod(error_histogram), staticmethod(error_ranking)
    shape = staticmethod(lambda: (2, LEVELS))

    @declared
    def __init__(self, num_classes: int, ignore_index: int = 255, **kwargs: Any) -> None: ...
