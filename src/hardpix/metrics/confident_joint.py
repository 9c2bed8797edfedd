"""The confident joint of given and suspected labels, over a whole set of images."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric

from hardpix.metrics.counting import images_of
from hardpix.metrics.label_suspects import find_label_suspects


class ConfidentJoint(Metric):
    """How often a network is sure of one class where another is the label: the counts of :func:`find_label_suspects`.

    The second pass of confident learning; the thresholds are what :class:`SelfConfidence` computed over the same set.

    Args:
        thresholds: C numbers.
        ignore_index: the id of unlabelled pixels.
        tolerance: in pixels; suspects so near to their suspected class are displaced borders.

    Shapes (of update):
        probabilities (B, C, H, W) floats from 0 to 1, or uint16 or uint8 whose largest number means 1; target (B, H, W)
        class ids or ``ignore_index``. Counted on the CPU, wherever they are.

    Returns (from compute):
        Dict of (C, C) int64, row given label, column suspected class: "confident_joint", all confident pixels;
        "displaced_borders" and "suspects", parts of it.

    Example:
        >>> second = ConfidentJoint(thresholds=[0.6, 0.9])
        >>> second.update(torch.tensor([[[[0.9, 0.1]], [[0.1, 0.9]]]]), torch.tensor([[[0, 0]]]))
        >>> second.compute()["suspects"]
        tensor([[0, 1],
                [0, 0]])
    """

    full_state_update = False
    counts: Tensor

    def __init__(
        self, thresholds: Sequence[float] | Tensor, ignore_index: int = 255, tolerance: int = 0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.thresholds = np.array([float(threshold) for threshold in thresholds])
        self.ignore_index = ignore_index
        self.tolerance = tolerance
        classes = len(self.thresholds)
        self.add_state("counts", torch.zeros(3, classes, classes, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, probabilities: Tensor, target: Tensor) -> None:
        """Count one batch."""
        added = torch.zeros_like(self.counts, device="cpu")
        for image, labels in images_of(probabilities, target):
            found = find_label_suspects(image, labels, self.thresholds, self.ignore_index, self.tolerance)
            added += torch.from_numpy(found.counts)
        self.counts += added.to(self.counts.device)

    def compute(self) -> dict[str, Tensor]:
        """The counts of all batches so far."""
        return dict(zip(("confident_joint", "displaced_borders", "suspects"), self.counts.cpu(), strict=True))
