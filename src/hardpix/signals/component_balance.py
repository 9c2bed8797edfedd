"""Inverse weighting by the size of connected components (Shirokikh et al., MICCAI 2020, arXiv 2007.10033)."""

import torch
from torch import Tensor

from hardpix.pixels import PixelBatch, component_sizes
from hardpix.signals.base import Signal


class ComponentBalance(Signal):
    """Every object counts alike, whatever its size: the weight of a pixel falls with the size of its component.

    With n_i the number of pixels of the connected component of the labels that pixel i is in (8-connected, every
    class by itself):

        w_i = min(cap, n_i^−p / mean of n^−p over the labeled pixels of the image)

    For p = 1 that is N / (K · n_i) with K components of N pixels in all, as in the paper: each component has the
    weight N / K. For p = 0 every pixel counts 1. Before the cap the mean weight in every image is 1.

    [ours]: p and cap; theirs are 1 and none. Components of all classes count, the large ones of backgrounds too.
    Objects that touch are one component, and one that is cut in two by another, or by unlabeled pixels, is two.

    Args:
        power: p ≥ 0.
        cap: largest weight, > 0. Without one a stray pixel of wrong labels weighs as much as an object.

    Raises:
        ValueError: settings outside their range.

    Example:
        >>> px = PixelBatch(torch.zeros(1, 2, 1, 5), torch.tensor([[[0, 0, 0, 1, 255]]]))
        >>> px.map(ComponentBalance(power=1))  # 4 / (2 · 3) and 4 / 2
        tensor([[[0.6667, 0.6667, 0.6667, 2.0000, 0.0000]]])
    """

    name = "component_balance"
    needs_target = True

    def __init__(self, power: float = 0.5, cap: float = 20.0) -> None:
        super().__init__()
        if not power >= 0 or not cap > 0:
            raise ValueError(f"expected power ≥ 0 and cap > 0, found {power} and {cap}")
        self.power = power
        self.cap = cap

    @torch.no_grad()
    def forward(self, px: PixelBatch) -> Tensor:
        size = component_sizes(torch.where(px.valid, px.labels, -1), ignore_index=-1)
        weight = torch.where(size > 0, size.clamp(min=1).double() ** -self.power, 0)
        mean = weight.sum((1, 2)) / (size > 0).sum((1, 2)).clamp(min=1)
        mean = torch.where(mean > 0, mean, 1)[:, None, None]
        return (weight / mean).clamp(max=self.cap).float()
