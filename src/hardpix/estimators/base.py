"""Contract of an estimator: fitted on labeled images, it tells the confusion matrix of images without labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

import numpy as np

from hardpix.estimators.evidence import BINS, Evidence

# Expected confusion matrices (…, C, C) of evidence.
Fitted = Callable[[Evidence], np.ndarray]


class Estimator:
    """Expected confusion matrices of images without labels. One of your own needs ``fit``.

    Attributes:
        score: what the bins of its evidence are of. "confidence" is that in the predicted class, "hardness" is 1 − the
            level that was learned, "agreement" is that with a second network; each is high where pixels are right.
        calibrated: whether its evidence has probabilities at the temperature that suits the labeled images best.
    """

    score: ClassVar[Literal["confidence", "hardness", "agreement"]] = "confidence"
    calibrated: ClassVar[bool] = False

    @property
    def bin_count(self) -> int:
        """Number of bins of its score: disagreement and agreement, or 64."""
        return 2 if self.score == "agreement" else BINS

    def fit(self, seen: Evidence) -> Fitted:
        """Learn from the summed counts of labeled images.

        Args:
            seen: with labels; no axis of images.

        Returns:
            A function from evidence without labels, of one image, several or a set, to expected confusion matrices.
        """
        raise NotImplementedError


def with_errors_split(right: np.ndarray, predicted: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Expected confusion matrices from the expected number of right pixels of each predicted class.

    The wrong pixels of a predicted class are spread over the true classes as those of the labeled images are. Where
    that class had no wrong pixel there, they are spread as the true classes are.

    Args:
        right: (…, C), at most `predicted`.
        predicted: (…, C) pixels of each predicted class.
        seen: (C, C) confusion of the labeled images, row true class.

    Example:
        >>> with_errors_split(np.array([6.0, 1.0]), np.array([8, 1]), np.array([[5, 0], [1, 3]]))
        array([[6., 0.],
               [2., 1.]])
    """
    classes = len(seen)
    others = 1 - np.eye(classes)
    wrong = seen * others
    by_truth = others * seen.sum(1, keepdims=True)
    shares = np.where(wrong.sum(0) > 0, wrong, np.where(by_truth.sum(0) > 0, by_truth, others))
    shares = shares / np.maximum(shares.sum(0), 1e-300)
    return shares * (predicted - right)[..., None, :] + np.eye(classes) * right[..., None, :]
