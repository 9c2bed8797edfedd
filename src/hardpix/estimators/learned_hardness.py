"""Learned hardness as an estimate of quality: expected loss to expected error, a monotone map."""

from __future__ import annotations

from hardpix.estimators.base import Estimator, Fitted, with_errors_split
from hardpix.estimators.evidence import Evidence
from hardpix.estimators.monotone_rates import monotone_rates


class LearnedHardness(Estimator):
    """A pixel is right as often as labeled pixels of its predicted class and its learned hardness are.

    Ours: isotonic regression (Zadrozny and Elkan, KDD 2002) of right on the level of the hardness signal.

    Example:
        >>> import numpy as np
        >>> levels = np.array([[10**6, 10**6]])
        >>> seen = Evidence(levels, np.full((1, 1), 1.5e6), np.array([[0, 10**6]]), np.full((1, 1), 2 * 10**6))
        >>> LearnedHardness().fit(seen)(Evidence(np.array([[3, 1]]), np.full((1, 1), 3.5))).round(3).tolist()
        [[1.0]]
    """

    score = "hardness"

    def fit(self, seen: Evidence) -> Fitted:
        assert seen.right is not None
        assert seen.confusion is not None
        rates, confusion = monotone_rates(seen.levels, seen.right), seen.confusion
        return lambda given: with_errors_split((given.levels * rates).sum(-1), given.predicted, confusion)
