"""Dynamic threshold of CW-BASS (IJCNN 2025, arXiv 2502.15152)."""

from __future__ import annotations

import torch
from torch import Tensor

from hardpix.labelers.thresholds.base import Seen, Threshold, require_range
from hardpix.labelers.thresholds.moments import mean_confidence


class Sigmoid(Threshold):
    """Threshold of a batch from its mean confidence c̄: labels with a larger probability are kept.

        T = clamp(scale · σ(slope · (c̄ − 0.5)), lowest, highest)

    With the authors' settings it hardly moves: 0.3 for all c̄ ≤ 0.5, and 0.337 at c̄ = 1, so that it keeps almost all
    labels. :class:`Floor` follows c̄.

    Args:
        scale: of the threshold.
        slope: by which it follows c̄, ≥ 0.
        lowest: smallest threshold.
        highest: largest threshold.

    Raises:
        ValueError: settings outside their range.

    Example:
        >>> Sigmoid().of(torch.tensor([0.5, 0.9, 1.0]))
        tensor([0.3000, 0.3299, 0.3373])
    """

    def __init__(self, scale: float = 0.6, slope: float = 0.5, lowest: float = 0.3, highest: float = 0.8) -> None:
        super().__init__()
        require_range(lowest, highest)
        if scale < 0 or slope < 0:
            raise ValueError(f"expected scale and slope ≥ 0, found {scale} and {slope}")
        self.scale = scale
        self.slope = slope
        self.lowest = lowest
        self.highest = highest

    def of(self, mean: Tensor) -> Tensor:
        """The threshold at a mean confidence."""
        return (self.scale * torch.sigmoid(self.slope * (mean - 0.5))).clamp(self.lowest, self.highest)

    def forward(self, seen: Seen) -> Tensor:
        mean = mean_confidence(seen, self.training, otherwise=0.0)
        return (seen.confidence > self.of(mean)).float()
