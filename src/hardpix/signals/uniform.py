"""Every pixel alike."""

from typing import Literal

import torch
from torch import Tensor

from hardpix.pixels import PixelBatch
from hardpix.signals.base import Signal


class Uniform(Signal):
    """Weight 1 for every pixel: plain cross-entropy.

    Args:
        normalizer: divisor of the loss. "weight" is the sum of the weights, in which "target_weight" has its part;
            "count" is the number of labeled pixels, so that labels of little trust make a small loss.

    Raises:
        ValueError: another normalizer.

    Example:
        >>> Uniform()(PixelBatch(torch.zeros(1, 2, 1, 2), torch.tensor([[[1, 255]]])))
        tensor([[[1., 1.]]])
    """

    name = "uniform"

    def __init__(self, normalizer: Literal["weight", "count"] = "weight") -> None:
        super().__init__()
        if normalizer not in ("weight", "count"):
            raise ValueError(f"expected normalizer 'weight' or 'count', found {normalizer!r}")
        self._normalizer = normalizer

    @property
    def normalizer(self) -> Literal["weight", "count"]:
        return self._normalizer

    def forward(self, px: PixelBatch) -> Tensor:
        return torch.ones(px.shape, device=px.logits.device)
