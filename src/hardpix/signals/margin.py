"""Doubt of a network between its first and its second class."""

from __future__ import annotations

import torch
from torch import Tensor

from hardpix.pixels import PixelBatch, at_least_float32
from hardpix.signals.base import Signal


class Margin(Signal):
    """1 − (p₁ − p₂) of the two most probable classes: 1 where they tie, 0 for a sure network.

    Smallest margin is a rule of active learning (Scheffer et al., IDA 2001). Needs no labels. A constant for the loss.

    Example:
        >>> logits = torch.tensor([[[[0.0, 9.0]], [[0.0, -9.0]], [[-9.0, -9.0]]]])
        >>> Margin()(PixelBatch(logits)).round(decimals=4)
        tensor([[[1., 0.]]])
    """

    name = "margin"

    @torch.no_grad()
    def forward(self, px: PixelBatch) -> Tensor:
        shares = at_least_float32(px.logits).softmax(1)
        best = shares.topk(min(2, shares.shape[1]), dim=1).values
        second = best[:, 1] if best.shape[1] == 2 else torch.zeros_like(best[:, 0])
        return (1 - (best[:, 0] - second)).float().clamp(0, 1)

    def level(self, px: PixelBatch) -> Tensor:
        return px.map(self)
