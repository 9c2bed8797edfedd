"""Floor under the threshold of CW-BASS, which follows the confidence (the authors' second version, CW-BASS-v2)."""

from __future__ import annotations

import torch
from torch import Tensor

from hardpix.labelers.thresholds.base import Seen, Threshold, require_range
from hardpix.labelers.thresholds.moments import mean_confidence
from hardpix.labelers.thresholds.sigmoid import Sigmoid


class Floor(Threshold):
    """Labels are kept whose probability is above a share of the running mean confidence, and above that of Sigmoid.

        F ← momentum · F + (1 − momentum) · c̄        T = max(T of Sigmoid, clamp(share · F, lowest, highest))

    A network that grows sure is asked for more. F is a buffer, which batches in training move, each before its use.

    Args:
        share: of F.
        momentum: of F.
        start: F before the first batch.
        lowest: smallest floor.
        highest: largest floor.

    Raises:
        ValueError: settings outside their range.

    Example:
        >>> Floor().running
        tensor(0.6000)
    """

    same_on_every_process = True
    running: Tensor

    def __init__(
        self,
        share: float = 0.95,
        momentum: float = 0.99,
        start: float = 0.6,
        lowest: float = 0.3,
        highest: float = 0.95,
    ) -> None:
        super().__init__()
        require_range(lowest, highest, share=share, momentum=momentum, start=start)
        self.share = share
        self.momentum = momentum
        self.lowest = lowest
        self.highest = highest
        self.below = Sigmoid()
        self.register_buffer("running", torch.tensor(float(start)))

    def forward(self, seen: Seen) -> Tensor:
        mean = mean_confidence(seen, self.training, otherwise=self.running.double())
        if self.training:
            self.running.lerp_(mean.to(self.running.dtype), 1 - self.momentum)
        floor = (self.share * self.running).clamp(self.lowest, self.highest)
        return (seen.confidence > torch.maximum(self.below.of(mean), floor)).float()
