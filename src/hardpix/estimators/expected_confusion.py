"""Expected confusion matrix: probabilities summed as if they were truth (NannyML's confidence-based estimation)."""

from __future__ import annotations

from hardpix.estimators.base import Estimator, Fitted
from hardpix.estimators.evidence import Evidence


class ExpectedConfusion(Estimator):
    """M[k, j] = Σ p_k over the pixels predicted as j, with probabilities at the temperature of the labeled images.

    Right where probabilities are calibrated, class by class; one temperature cannot make them so where a training
    weighted its classes. The IoU of expected counts is not the expected IoU; the difference vanishes with many pixels.

    Source: https://nannyml.readthedocs.io, confidence-based performance estimation.

    Example:
        >>> import numpy as np
        >>> given = Evidence(np.array([[2], [1]]), np.array([[1.5, 0.3], [0.5, 0.7]]))
        >>> ExpectedConfusion().fit(given)(given)
        array([[1.5, 0.3],
               [0.5, 0.7]])
    """

    calibrated = True

    def fit(self, seen: Evidence) -> Fitted:
        return lambda given: given.expected
