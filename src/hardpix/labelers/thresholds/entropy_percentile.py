"""Percentile of the entropy (FST, NeurIPS 2022, arXiv 2209.06993; after U2PL, CVPR 2022, arXiv 2203.03884)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from hardpix.labelers.thresholds.base import Seen, Threshold, require_range
from hardpix.pixels import at_least_float32, global_sum

# The entropy in so many equal steps, so that processes add up counts and agree on the percentile.
_LEVELS = 65536


class EntropyPercentile(Threshold):
    """Labels are kept where the entropy of the prediction is among the lowest of the batch.

        kept = H ≤ the value up to which at least `share` of the pixels lie,    H = −Σ p log p

    FST: ``ConfidenceWeighted(EntropyPercentile(0.8), power=0)`` for Pascal VOC, 1 for Cityscapes. It asks for no
    certainty: a teacher that is sure of nothing has its least unsure labels kept. The percentile is that of the joined
    batch of all processes in training, of the process alone in evaluation. The entropy is that of the network's own
    probabilities, before a refiner.

    [ours], where the authors' code does otherwise:

    - At least `share` of the pixels are kept; ties at the percentile drop all of them there, and the loss is NaN.
    - An objective divides by the kept pixels once. There the mean over them is multiplied by all / kept once more, so
      that fewer kept pixels weigh more.

    Args:
        share: of the pixels that are kept, from 0 (none) to 1 (all).

    Raises:
        ValueError: a share outside its range.

    Example:
        >>> from hardpix.pixels import PixelBatch
        >>> px = PixelBatch(torch.tensor([[0.0, 0.0, 0.0, 0.0], [4.0, 1.0, 2.0, 0.0]]).view(1, 2, 1, 4))
        >>> EntropyPercentile(0.5)(Seen(px.logits.argmax(1), px.confidence, px.valid, px))
        tensor([[[1., 0., 1., 0.]]])
    """

    def __init__(self, share: float = 0.8) -> None:
        super().__init__()
        require_range(0, 1, share=share)
        self.share = share

    def forward(self, seen: Seen) -> Tensor:
        level = _levels(seen.px.logits)
        counted = torch.where(seen.known, level, _LEVELS).flatten()
        counts = torch.zeros(_LEVELS + 1, dtype=torch.int64, device=level.device)
        counts.scatter_add_(0, counted, torch.ones_like(counted))
        counts = (global_sum(counts) if self.training else counts)[:_LEVELS]
        below = counts.cumsum(0)
        # A share such as 0.7 of 10 is 7.000000000000001.
        highest = (below < self.share * below[-1] * (1 - 1e-12)).sum()
        return ((level <= highest) & (self.share > 0)).float()


def _levels(logits: Tensor) -> Tensor:
    """(B, H, W) int64, the entropy of (B, C, H, W) in steps from 0 to that of equal probabilities."""
    with torch.autocast(logits.device.type, enabled=False):
        logarithms = at_least_float32(logits).log_softmax(1)
        entropy = torch.special.entr(logarithms.exp()).sum(1) / math.log(max(logits.shape[1], 2))
    return (entropy.nan_to_num(1.0) * (_LEVELS - 1)).round().long().clamp(0, _LEVELS - 1)
