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
    image count: none beyond its border, and none of the padding (``px.inside``).

    [ours], where the authors' code does otherwise:

    - It is divided by log C, not by log 19.
    - It is exactly 0 in a pure window, not −3·10⁻⁷.
    - Windows are differences of running sums, so that their size costs nothing.

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
        counted = px.inside
        pixels = box_sum(counted, self.radius).clamp(min=1).double()
        # Σ d log d = Σ n log n / N − log N of counts n of N pixels, and n log n of every count is in a table.
        count = torch.arange((2 * self.radius + 1) ** 2 + 1, device=predicted.device, dtype=torch.float64)
        table = torch.xlogy(count, count)
        total = torch.zeros_like(pixels)
        # Most networks name few of their classes in one image.
        for c in torch.bincount(predicted.flatten(), minlength=classes).nonzero().flatten().tolist():
            found = box_sum((predicted == c) & counted, self.radius)
            total += table.index_select(0, found.flatten()).view(found.shape)
        impurity = (pixels.log() - total / pixels) / max(math.log(classes), 1e-12)
        # The least of a window that is not pure is far above the last digit of log N.
        return torch.where(impurity < 1e-10, 0, impurity).clamp(max=1).float()

    def level(self, px: PixelBatch) -> Tensor:
        return px.map(self)
