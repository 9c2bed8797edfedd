"""Doubt of a network, spread over all classes."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from hardpix.pixels import PixelBatch, at_least_float32
from hardpix.signals.base import Signal


class Entropy(Signal):
    """Entropy of the class probabilities, −Σ p log p / log C: 0 for a sure network, 1 where all classes are alike.

    The prediction uncertainty of RIPU (Xie et al., CVPR 2022, arXiv 2111.12940), whose code divides by log 19
    whatever the number of classes. Needs no labels. A constant for the loss.

    Example:
        >>> logits = torch.tensor([[[[0.0, 9.0]], [[0.0, -9.0]]]])
        >>> Entropy()(PixelBatch(logits)).round(decimals=4)
        tensor([[[1., 0.]]])
    """

    name = "entropy"

    @torch.no_grad()
    def forward(self, px: PixelBatch) -> Tensor:
        # entr(p) is 0 at p = 0, where p · log p is not a number.
        entropy = torch.special.entr(at_least_float32(px.logits).softmax(1)).sum(1).float()
        # Rounding may leave the range by a digit; one class alone leaves no doubt, and its log is 0.
        return (entropy / max(math.log(px.logits.shape[1]), 1e-12)).clamp(0, 1)

    def level(self, px: PixelBatch) -> Tensor:
        return px.map(self)
