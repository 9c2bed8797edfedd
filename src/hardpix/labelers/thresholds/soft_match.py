"""Truncated Gaussian in place of a threshold (SoftMatch, Chen et al., ICLR 2023, arXiv 2301.10921)."""

from __future__ import annotations

import torch
from torch import Tensor

from hardpix.labelers.thresholds.base import Seen, Threshold, require_range
from hardpix.labelers.thresholds.moments import confidence_sums
from hardpix.pixels import DatasetInfo


class SoftMatch(Threshold):
    """Every label is kept; those below the running mean confidence μ by a share that falls like a Gaussian.

        share = exp(−(c − μ)² / (2 σ² / n²)) where c < μ, else 1

    μ and σ² are the running mean and variance of the confidence c, and begin with 1 / C and 1. CW-BASS-v2 divides by
    2 (2σ)², which widens what SoftMatch narrows. SoftMatch's uniform alignment is left out.

    Args:
        momentum: of μ and σ².
        narrow: n, > 0.

    Raises:
        ValueError: settings outside their range.

    Example:
        >>> SoftMatch().narrow
        2.0
    """

    same_on_every_process = True
    mean: Tensor
    variance: Tensor

    def __init__(self, momentum: float = 0.999, narrow: float = 2.0) -> None:
        super().__init__()
        require_range(0, 1, momentum=momentum)
        if narrow <= 0:
            raise ValueError(f"expected narrow > 0, found {narrow}")
        self.momentum = momentum
        self.narrow = narrow
        self.register_buffer("mean", torch.empty(0))
        self.register_buffer("variance", torch.ones(1))

    def prepare(self, info: DatasetInfo) -> None:
        """Begin with the confidence of a network that knows nothing."""
        self._make(len(info.class_names))

    def _make(self, classes: int) -> None:
        if len(self.mean) == 0:
            self.mean = torch.full_like(self.variance, 1 / classes)

    def forward(self, seen: Seen) -> Tensor:
        # A number that no batch has moved: made where nobody has prepared it, in evaluation too.
        self._make(seen.px.logits.shape[1])
        if self.training:
            count, total, squares = confidence_sums(seen, True)
            average = total / count.clamp(min=1)
            spread = (squares - count * average.square()).clamp(min=0) / (count - 1).clamp(min=1)
            step = torch.where(count > 0, 1 - self.momentum, 0.0).to(self.mean.dtype)
            self.mean.lerp_(average.to(self.mean.dtype), step)
            self.variance.lerp_(spread.to(self.variance.dtype), step)
        narrowed = (self.variance / self.narrow**2).clamp(min=torch.finfo(self.variance.dtype).tiny)
        return torch.exp(-(seen.confidence - self.mean).clamp(max=0).square() / (2 * narrowed))
