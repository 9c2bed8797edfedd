"""Self-adaptive threshold (FreeMatch, Wang et al., ICLR 2023, arXiv 2205.07246)."""

from __future__ import annotations

import torch
from torch import Tensor

from hardpix.labelers.thresholds.base import Seen, Threshold, require_range
from hardpix.labelers.thresholds.moments import mean_confidence
from hardpix.pixels import DatasetInfo, at_least_float32, global_sum


class FreeMatch(Threshold):
    """A threshold for all classes, the running mean confidence τ, times one for each.

        T_k = clamp(τ · p̃_k / max_j p̃_j, lowest, highest)

    p̃_k is the running mean of the probability of class k over all pixels; both begin with 1 / C. So the threshold of a
    class that covers few pixels is near `lowest`. CW-BASS-v2 takes the mean over the pixels predicted as k instead,
    which is what :class:`ClassFloor` has.

    Args:
        momentum: of τ and p̃.
        lowest: smallest threshold; 0 is FreeMatch's own, 0.3 that of CW-BASS-v2.
        highest: largest threshold.

    Raises:
        ValueError: settings outside their range.

    Example:
        >>> FreeMatch(lowest=0.3).lowest
        0.3
    """

    same_on_every_process = True
    mean: Tensor
    shares: Tensor

    def __init__(self, momentum: float = 0.999, lowest: float = 0.0, highest: float = 1.0) -> None:
        super().__init__()
        require_range(lowest, highest, momentum=momentum)
        self.momentum = momentum
        self.lowest = lowest
        self.highest = highest
        self.register_buffer("mean", torch.empty(0))
        self.register_buffer("shares", torch.empty(0))

    def prepare(self, info: DatasetInfo) -> None:
        """Make room for the classes."""
        self._make(len(info.class_names))

    def _make(self, classes: int) -> None:
        if len(self.shares) != classes:
            self.mean = torch.full((1,), 1 / classes, device=self.mean.device)
            self.shares = torch.full((classes,), 1 / classes, device=self.mean.device)

    def forward(self, seen: Seen) -> Tensor:
        # A size, and no number that batches have moved: made where nobody has prepared it, in evaluation too.
        self._make(seen.px.logits.shape[1])
        if self.training:
            confidence = mean_confidence(seen, True, otherwise=self.mean[0].double())
            self.mean.lerp_(confidence.to(self.mean.dtype), 1 - self.momentum)
            self.shares.lerp_(self._mean_probability(seen, self.shares), 1 - self.momentum)
        least = (self.mean * self.shares / self.shares.max()).clamp(self.lowest, self.highest)
        return (seen.confidence >= least[seen.classes]).float()

    @staticmethod
    def _mean_probability(seen: Seen, otherwise: Tensor) -> Tensor:
        with torch.autocast(seen.confidence.device.type, enabled=False):
            probability = at_least_float32(seen.px.logits).softmax(1)
        sums = torch.where(seen.known[:, None], probability, 0).sum((0, 2, 3), dtype=torch.float64)
        sums = global_sum(torch.cat([sums, seen.known.sum().double()[None]]))
        return torch.where(sums[-1] > 0, sums[:-1] / sums[-1].clamp(min=1), otherwise).to(otherwise.dtype)
