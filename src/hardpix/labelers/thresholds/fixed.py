"""Threshold that stays (FixMatch, NeurIPS 2020, arXiv 2001.07685)."""

from __future__ import annotations

from torch import Tensor

from hardpix.labelers.thresholds.base import Seen, Threshold, require_range


class Fixed(Threshold):
    """Labels are kept from a probability on.

    Args:
        value: smallest probability, from 0 to 1.

    Raises:
        ValueError: a value outside its range.

    Example:
        >>> Fixed(0.9).value
        0.9
    """

    def __init__(self, value: float = 0.95) -> None:
        super().__init__()
        require_range(0, 1, value=value)
        self.value = value

    def forward(self, seen: Seen) -> Tensor:
        return (seen.confidence >= self.value).float()
