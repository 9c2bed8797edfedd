"""Asymmetric loss of classes that may hold together (Ridnik et al., ICCV 2021, arXiv 2009.14119)."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

POSITIVE_FOCUS, NEGATIVE_FOCUS, MARGIN = 1, 4, 0.05


def asymmetric_loss_map(logits: Tensor, holds: Tensor) -> Tensor:
    """Loss of every pixel, summed over channels that each decide for themselves.

    With q = σ(z) and q⁻ = min(1, 1 − q + 0.05), by which negatives of a score up to 0.05 cost nothing:

        −(1 − q) log q  where the channel holds, else  −(1 − q⁻)⁴ log q⁻

    Args:
        logits: (B, K, H, W) float32 or float64.
        holds: (B, K, H, W) boolean.

    Returns:
        (B, H, W).

    Example:
        >>> logits = torch.tensor([0.0, -4.0]).view(1, 2, 1, 1)
        >>> asymmetric_loss_map(logits, torch.tensor([True, False]).view(1, 2, 1, 1))  # ½ log 2, 0
        tensor([[[0.3466]]])
    """
    absent = torch.sigmoid(-logits)
    positive = -(absent**POSITIVE_FOCUS) * logsigmoid(logits)
    absent = (absent + MARGIN).clamp(max=1)
    negative = -((1 - absent) ** NEGATIVE_FOCUS) * absent.log()
    return torch.where(holds, positive, negative).sum(1)


def exclusive_loss_map(logits: Sequence[Tensor], labels: Sequence[Tensor]) -> Tensor:
    """The same loss (B, H, W) added up over levels, in each of which one channel holds.

    Args:
        logits: (B, K, H, W) of each level.
        labels: (B, H, W) number of the channel that holds.

    Example:
        >>> exclusive_loss_map([torch.zeros(1, 1, 1, 1)], [torch.zeros(1, 1, 1, dtype=torch.long)])  # ½ log 2
        tensor([[[0.3466]]])
    """
    levels = []
    for level, true in zip(logits, labels, strict=True):
        numbers = torch.arange(level.shape[1], device=true.device)[:, None, None]
        levels.append(asymmetric_loss_map(level, true[:, None] == numbers))
    return torch.stack(levels).sum(0)
