"""Agreement of two networks (Jiang et al., ICLR 2022, arXiv 2106.13799), corrected by labeled images."""

from __future__ import annotations

from hardpix.estimators.base import Estimator, Fitted, with_errors_split
from hardpix.estimators.evidence import Evidence
from hardpix.estimators.monotone_rates import monotone_rates


class Agreement(Estimator):
    """A pixel is right as often as labeled pixels of its predicted class are on which a second network agrees, or not.

    The paper takes the share of agreement itself for the accuracy, which holds where the two err independently. Ours:
    networks that learned the same images share many errors, so that both kinds of pixels have the share of right ones
    that they have on the labeled images.

    Example:
        >>> import numpy as np
        >>> levels = np.array([[10**6, 10**6]])
        >>> seen = Evidence(levels, np.full((1, 1), 1.5e6), np.array([[0, 10**6]]), np.full((1, 1), 2 * 10**6))
        >>> Agreement().fit(seen)(Evidence(np.array([[3, 1]]), np.full((1, 1), 3.5))).round(3).tolist()
        [[1.0]]
    """

    score = "agreement"

    def fit(self, seen: Evidence) -> Fitted:
        assert seen.right is not None
        assert seen.confusion is not None
        rates, confusion = monotone_rates(seen.levels, seen.right), seen.confusion
        return lambda given: with_errors_split((given.levels * rates).sum(-1), given.predicted, confusion)
