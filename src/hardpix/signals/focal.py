"""Less weight for pixels that are already right."""

from typing import Literal

import torch
from torch import Tensor

from hardpix.pixels import PixelBatch
from hardpix.signals.base import Signal


class Focal(Signal):
    """(1 − p)^γ with p the probability of the labeled class (arXiv 1708.02002).

    The weight is part of the loss: its gradient flows, and the sum is divided by the number of valid pixels.

    Args:
        gamma: γ ≥ 0; 0 is cross-entropy.

    Example:
        >>> Focal(gamma=2.0)(PixelBatch(torch.zeros(1, 2, 1, 2), torch.tensor([[[1, 255]]])))
        tensor([[[0.2500, 0.0000]]])
    """

    name = "focal"
    differentiable = True
    needs_target = True

    def __init__(self, gamma: float = 2.0) -> None:
        super().__init__()
        if gamma < 0:
            raise ValueError(f"expected gamma ≥ 0, found {gamma}")
        self.gamma = gamma

    @property
    def normalizer(self) -> Literal["weight", "count"]:
        return "count"

    def forward(self, px: PixelBatch) -> Tensor:
        # 1 − p = −expm1(−ℓ) keeps its digits where p is almost 1.
        wrong = -torch.expm1(-px.loss)
        return _power(wrong, self.gamma) * px.valid


def _power(base: Tensor, exponent: float) -> Tensor:
    """base ** exponent with a finite gradient: 0 at 0, where the slope of a root is infinite.

    The derivative of (1 − p)^γ · ℓ tends to 0 as p tends to 1, but as a product it is ∞ · 0.
    """
    if exponent == 0 or exponent >= 1:
        return base.pow(exponent)
    steep = base < torch.finfo(base.dtype).tiny
    return torch.where(steep, base.detach().pow(exponent), torch.where(steep, 1, base).pow(exponent))
