"""Number of predicted classes around a pixel, as an entropy."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from hardpix.pixels import PixelBatch, box_sum
from hardpix.signals.base import Signal


class RegionImpurity(Signal):
    """−Σ d_c log d_c / log C with d_c the share of the window's pixels that are predicted as class c.

    The region impurity of RIPU (Xie et al., CVPR 2022, arXiv 2111.12940): 0 in a window of one predicted class, high
    where several meet. RIPU's score is ``Product([RegionImpurity(k), WindowMean(Entropy(), k)])``. Only pixels of the
    image count: none beyond its border, and none of the padding where the sample has "inside", booleans (B, H, W).

    [ours], where the authors' code does otherwise: divided by log C, not by log 19; exactly 0 in a pure window, not
    −3·10⁻⁷; running sums, so that the window's size costs nothing.

    Needs no labels. A constant for the loss.

    Args:
        radius: reach k of the window of (2k + 1)² pixels, ≥ 1.

    Raises:
        ValueError: a radius below 1.

    Example:
        >>> logits = torch.tensor([[[[1.0, 1.0, 0.0]], [[0.0, 0.0, 1.0]]]])
        >>> RegionImpurity(radius=1)(PixelBatch(logits))
        tensor([[[0.0000, 0.9183, 1.0000]]])
    """

    name = "region_impurity"

    def __init__(self, radius: int = 1) -> None:
        super().__init__()
        if radius < 1:
            raise ValueError(f"expected radius ≥ 1, found {radius}")
        self.radius = radius

    @torch.no_grad()
    def forward(self, px: PixelBatch) -> Tensor:
        classes = px.logits.shape[1]
        predicted = px.logits.argmax(1)
        inside = px.sample.get("inside")
        counted = torch.ones_like(predicted, dtype=torch.bool) if inside is None else inside
        pixels = box_sum(counted, self.radius).clamp(min=1)
        impurity = torch.zeros(px.shape, device=predicted.device)
        # Most networks name few of their classes in one image.
        for c in torch.bincount(predicted.flatten(), minlength=classes).nonzero().flatten().tolist():
            share = box_sum((predicted == c) & counted, self.radius) / pixels
            impurity += torch.special.entr(share)
        return (impurity / max(math.log(classes), 1e-12)).clamp(0, 1)

    def level(self, px: PixelBatch) -> Tensor:
        return px.map(self)
