"""Difference of confidence (Guillory et al., ICCV 2021, arXiv 2107.03315), for each predicted class."""

from __future__ import annotations

import numpy as np

from hardpix.estimators.base import Estimator, Fitted, with_errors_split
from hardpix.estimators.evidence import Evidence
from hardpix.metrics.counting import ratio


class DifferenceOfConfidence(Estimator):
    """Accuracy falls by as much as the mean confidence does: acc_s − (mean_s conf − mean_t conf).

    Ours: for each predicted class, where the paper has all in one; a class that is not predicted on the labeled images
    has the difference of all pixels together. Wrong pixels are spread over the true classes as on the labeled images.

    Example:
        >>> levels = np.full((1, 64), 1)
        >>> seen = Evidence(levels, np.full((1, 1), 0.9 * 64), levels * 3 // 4 + 1, np.full((1, 1), 64))
        >>> less_sure = Evidence(levels, np.full((1, 1), 0.8 * 64))
        >>> (DifferenceOfConfidence().fit(seen)(less_sure) / 64).round(3).tolist()
        [[0.9]]
    """

    calibrated = True

    def fit(self, seen: Evidence) -> Fitted:
        assert seen.right is not None
        assert seen.confusion is not None
        right, predicted, confidence = seen.right.sum(-1), seen.predicted, np.diagonal(seen.expected)
        in_all = ratio(right.sum() - confidence.sum(), predicted.sum())
        gap = np.where(predicted > 0, ratio(right - confidence, predicted), in_all)
        confusion = seen.confusion

        def estimate(given: Evidence) -> np.ndarray:
            confident = np.diagonal(given.expected, axis1=-2, axis2=-1)
            expected = np.clip(confident + gap * given.predicted, 0, given.predicted)
            return with_errors_split(expected, given.predicted, confusion)

        return estimate
