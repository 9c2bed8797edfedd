"""Another signal, averaged over the window around each pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from torch import Tensor

from hardpix.networks.binding import bound
from hardpix.pixels import PixelBatch, box_mean
from hardpix.signals.base import Signal

if TYPE_CHECKING:
    from hardpix.networks import TappedNetwork


class WindowMean(Signal):
    """Mean of a signal's map over the window of (2k + 1)² pixels around each pixel.

    With `Entropy` it is the uncertainty of a region in RIPU (Xie et al., CVPR 2022, arXiv 2111.12940). Only pixels of
    the image count: none beyond its border, and none of the padding (``px.inside``).
    A constant for the loss; a signal that learns keeps its own loss.

    Args:
        signal: whose map is averaged.
        radius: reach k of the window, ≥ 1.

    Raises:
        ValueError: a radius below 1.

    Example:
        >>> import torch
        >>> from hardpix.signals import Entropy
        >>> logits = torch.tensor([[[[0.0, 99.0, 99.0]], [[0.0, 0.0, 0.0]]]])
        >>> WindowMean(Entropy(), radius=1)(PixelBatch(logits))
        tensor([[[0.5000, 0.3333, 0.0000]]])
    """

    name = "window_mean"

    def __init__(self, signal: Signal, radius: int = 1) -> None:
        super().__init__()
        if radius < 1:
            raise ValueError(f"expected radius ≥ 1, found {radius}")
        self.signal = signal
        self.name = f"{signal.name}_mean"
        self.radius = radius
        self.needs_target = signal.needs_target
        self.reads = signal.reads

    @property
    def normalizer(self) -> Literal["weight", "count"]:
        return self.signal.normalizer

    def bind(self, network: TappedNetwork) -> Self:
        bound(self.signal, network)
        return self

    def forward(self, px: PixelBatch) -> Tensor:
        return box_mean(px.map(self.signal).detach(), self.radius, px.inside).clamp(min=0)
