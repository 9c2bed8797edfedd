"""Every pixel alike."""

import torch
from torch import Tensor

from hardpix.pixels import PixelBatch
from hardpix.signals.base import Signal


class Uniform(Signal):
    """Weight 1 for every pixel: plain cross-entropy.

    Example:
        >>> Uniform()(PixelBatch(torch.zeros(1, 2, 1, 2), torch.tensor([[[1, 255]]])))
        tensor([[[1., 1.]]])
    """

    name = "uniform"

    def forward(self, px: PixelBatch) -> Tensor:
        return torch.ones(px.shape, device=px.logits.device)
