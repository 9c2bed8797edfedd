"""Average thresholded confidence (Garg et al., ICLR 2022, arXiv 2201.04234), one threshold a predicted class."""

from __future__ import annotations

import numpy as np

from hardpix.estimators.base import Estimator, Fitted, with_errors_split
from hardpix.estimators.evidence import Evidence


class ThresholdedConfidence(Estimator):
    """As many pixels are right as have a confidence above a threshold, above which labeled pixels are as often right.

    The threshold of each predicted class is such that #{below} = #{wrong} on the labeled images. The paper has one
    threshold in all; one for each class, with a precision of its own, is ours. The wrong pixels of a class are spread
    over the true classes as those of the labeled images are. A class that is not predicted there has the threshold of
    all pixels together.

    Example:
        >>> levels = np.zeros((1, 64), dtype=np.int64)
        >>> levels[0, [10, 20, 30, 40]] = 1
        >>> right = levels * (np.arange(64) > 25)
        >>> seen = Evidence(levels, np.full((1, 1), 2.7), right, np.full((1, 1), 4))
        >>> ThresholdedConfidence().fit(seen)(seen).tolist()
        [[2.0]]
    """

    def fit(self, seen: Evidence) -> Fitted:
        assert seen.right is not None
        assert seen.confusion is not None
        shares = share_above(seen.levels, seen.right)
        confusion = seen.confusion
        return lambda given: with_errors_split((given.levels * shares).sum(-1), given.predicted, confusion)


def share_above(levels: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Share of each bin's pixels that lies above the threshold of its class, (C, B) from 0 to 1.

    Within the bin of the threshold scores are taken as evenly spread, so that the estimate on the labeled pixels
    themselves is their accuracy. All lie above where none is wrong, and none where none is right.

    Args:
        levels: (C, B) pixels by predicted class and bin.
        right: (C, B) those that are right.

    Example:
        >>> share_above(np.array([[1, 4, 2]]), np.array([[0, 2, 2]]))
        array([[0. , 0.5, 1. ]])
    """
    empty = levels.sum(-1, keepdims=True) == 0
    levels = np.where(empty, levels.sum(0), levels)
    right = np.where(empty, right.sum(0), right)
    wrong = (levels - right).sum(-1, keepdims=True)
    below = levels.cumsum(-1) - levels
    return 1 - np.clip((wrong - below) / np.maximum(levels, 1), 0, 1)
