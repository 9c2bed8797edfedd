"""The confident joint of given and suspected labels, over a whole set of images."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from hardpix.metrics.counting import ProbabilityMetric, declared
from hardpix.metrics.label_suspects import find_label_suspects


def _count(
    probabilities: np.ndarray, target: np.ndarray, thresholds: Sequence[float], ignore_index: int, tolerance: int
) -> np.ndarray:
    levels = np.array(thresholds, dtype=np.float64)
    return find_label_suspects(probabilities, target, levels, ignore_index, tolerance).counts


def _scores(counts: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip(("confident_joint", "displaced_borders", "suspects"), counts, strict=True))


class ConfidentJoint(ProbabilityMetric):
    """Counts of pixels where a network is sure of one class and another is the label: :func:`find_label_suspects`.

    The second pass of confident learning; the thresholds are what :class:`SelfConfidence` computed over the same set.

    Args:
        thresholds: C numbers.
        ignore_index: the id of unlabeled pixels.
        tolerance: in pixels; suspects so near to their suspected class are displaced borders.

    Shapes (of update):
        probabilities (B, C, H, W) floats from 0 to 1, or uint16 or uint8 whose largest number means 1; target (B, H, W)
        class ids or ``ignore_index``. Counted on the CPU, wherever they are.

    Returns (from compute):
        Dict of (C, C) int64, row given label, column suspected class: "confident_joint", all confident pixels;
        "displaced_borders" and "suspects", parts of it.

    Example:
        >>> import torch
        >>> second = ConfidentJoint(thresholds=[0.6, 0.9])
        >>> second.update(torch.tensor([[[[0.9, 0.1]], [[0.1, 0.9]]]]), torch.tensor([[[0, 0]]]))
        >>> second.compute()["suspects"]
        tensor([[0, 1],
                [0, 0]])
    """

    count, score = staticmethod(_count), staticmethod(_scores)
    shape = staticmethod(lambda thresholds: (3, len(thresholds), len(thresholds)))
    thresholds: tuple[float, ...]

    @declared
    def __init__(
        self, thresholds: Sequence[float] | Tensor, ignore_index: int = 255, tolerance: int = 0, **kwargs: Any
    ) -> None: ...

    @property
    def num_classes(self) -> int:
        """C, one for each threshold."""
        return len(self.thresholds)
