"""Asymmetric loss of classes that may hold together (Ridnik et al., ICCV 2021, arXiv 2009.14119)."""

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
