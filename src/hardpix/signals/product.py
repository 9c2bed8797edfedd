"""Several signals at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self, cast

import torch
from torch import Tensor, nn

from hardpix.networks.binding import bound
from hardpix.pixels import PixelBatch
from hardpix.signals.base import Signal

if TYPE_CHECKING:
    from hardpix.networks import TappedNetwork


class Product(Signal):
    """The product of several signals' maps, for instance class balance × learned hardness.

    Factors that are constants for the segmentation loss stay so. Those that learn have losses of their own. The
    weighted loss is divided by the number of pixels if a factor's is, else by Σ w. So with class balance and focal it
    is the α-balanced focal loss Σ α (1 − p)^γ ℓ / |V|. One signal may be there twice, which squares its map; two
    signals of one class have one name and are refused.

    Args:
        signals: at least one.

    Raises:
        ValueError: no signal.

    Example:
        >>> from hardpix.signals import ClassBalance, Uniform
        >>> px = PixelBatch(torch.zeros(1, 2, 1, 3), torch.tensor([[[0, 1, 255]]]))
        >>> Product([Uniform(), ClassBalance([30, 10])])(px)
        tensor([[[0.6667, 2.0000, 0.0000]]])
    """

    name = "product"
    differentiable = True

    def __init__(self, signals: list[Signal]) -> None:
        super().__init__()
        if not signals:
            raise ValueError("Product needs at least one signal, found an empty list")
        self.signals = nn.ModuleList(signals)
        self.needs_target = any(signal.needs_target for signal in signals)
        self.reads = frozenset[str]().union(*(signal.reads for signal in signals))

    @property
    def factors(self) -> list[Signal]:
        """The signals, in order."""
        return [cast(Signal, signal) for signal in self.signals]

    @property
    def normalizer(self) -> Literal["weight", "count"]:
        return "count" if any(signal.normalizer == "count" for signal in self.factors) else "weight"

    def bind(self, network: TappedNetwork) -> Self:
        for signal in self.factors:
            bound(signal, network)
        return self

    def forward(self, px: PixelBatch) -> Tensor:
        product = torch.ones(px.shape, device=px.logits.device)
        for signal in self.factors:
            weights = px.map(signal)
            product = product * (weights if signal.differentiable else weights.detach())
        return product
