"""Every pixel alike."""

from torch import Tensor

from hardpix.pixels import PixelBatch
from hardpix.signals.base import Signal


class Uniform(Signal):
    """Weight 1 for every labelled pixel: plain cross-entropy.

    Example:
        >>> import torch
        >>> Uniform()(PixelBatch(torch.zeros(1, 2, 1, 2), torch.tensor([[[1, 255]]])))
        tensor([[[1., 0.]]])
    """

    name = "uniform"

    def forward(self, px: PixelBatch) -> Tensor:
        return px.valid.float()
