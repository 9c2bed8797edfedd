"""Losses of a network's auxiliary heads."""

from __future__ import annotations

import torch
from torch import Tensor

from hardpix.pixels import PixelBatch, at_least_float32, cross_entropy_map, resize_bilinear


def head_loss(logits: Tensor, px: PixelBatch) -> Tensor:
    """Cross-entropy (B, H, W) of an auxiliary head's logits (B, C, h, w), enlarged to the labels.

    Example:
        >>> px = PixelBatch(torch.zeros(1, 4, 2, 2), torch.zeros(1, 2, 2, dtype=torch.long))
        >>> head_loss(torch.zeros(1, 4, 1, 1), px).mean()  # log 4
        tensor(1.3863)
    """
    with torch.autocast(logits.device.type, enabled=False):
        resized = resize_bilinear(at_least_float32(logits), px.shape[1:])
    return cross_entropy_map(resized, px.labels, px.ignore_index)


def weighted_heads(px: PixelBatch, weight: float, losses: list[Tensor]) -> Tensor:
    """The heads' mean losses added up by their shares; a gradient of 0 where the weight is 0.

    DDP waits for a gradient of every head.
    """
    shares = [share * loss for (_, share), loss in zip(px.taps.auxiliary, losses, strict=True)]
    return weight * torch.stack(shares).sum()
