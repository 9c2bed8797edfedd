"""Means over the pixels of a batch that thresholds follow."""

from __future__ import annotations

import torch
from torch import Tensor

from hardpix.labelers.thresholds.base import Seen
from hardpix.pixels import global_sum


def mean_confidence(seen: Seen, joined: bool, otherwise: float | Tensor) -> Tensor:
    """Mean confidence over the pixels that may be labeled, a scalar in float64; another value where there are none.

    Args:
        seen: prediction of a batch.
        joined: whether the batch is that of all processes. In evaluation their numbers of batches may differ, and a sum
            over them would wait for ever.
        otherwise: for a batch without such pixels.
    """
    count, total, _ = confidence_sums(seen, joined)
    return torch.where(count > 0, total / count.clamp(min=1), otherwise)


def confidence_sums(seen: Seen, joined: bool) -> Tensor:
    """Number of pixels that may be labeled, and the sums of their confidence and of its square, (3,) float64."""
    confidence = torch.where(seen.known, seen.confidence, 0).double()
    sums = torch.stack([seen.known.sum().double(), confidence.sum(), confidence.square().sum()])
    return global_sum(sums) if joined else sums


def class_sums(seen: Seen, joined: bool) -> Tensor:
    """By predicted class the number of pixels that may be labeled, and the sum of their confidence, (2, C) float64.

    Example:
        >>> from hardpix.pixels import PixelBatch
        >>> px = PixelBatch(torch.tensor([[0.0, 0.0, 9.0], [4.0, 1.0, 0.0]]).view(1, 2, 1, 3))
        >>> class_sums(Seen(px.logits.argmax(1), px.confidence, px.valid, px), joined=False)[0]
        tensor([1., 2.], dtype=torch.float64)
    """
    number = seen.px.logits.shape[1]
    sums = torch.zeros(2, number, dtype=torch.float64, device=seen.confidence.device)
    # As a product with masks: sums by index are not the same in every run on a GPU.
    for k in range(number):
        its = seen.known & (seen.classes == k)
        sums[0, k] = its.sum()
        sums[1, k] = torch.where(its, seen.confidence, 0).sum(dtype=torch.float64)
    return global_sum(sums) if joined else sums
