"""Another signal's map, compared within each class alone [ours]."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import torch
from torch import Tensor

from hardpix.networks.binding import bound
from hardpix.pixels import PixelBatch, process_mean
from hardpix.signals.base import Signal

if TYPE_CHECKING:
    from hardpix.networks import TappedNetwork


class WithinClass(Signal):
    """Divides another signal's map by its mean over the labeled pixels of each class [ours].

    With the weight w of the other signal and V_c the labeled pixels of class c in the batch:

        v_i = w_i / mean of w over V_c            c the label of pixel i

    The weights of a class then sum to its number of pixels: the other signal decides which pixels of a class count, and
    no longer how much the class does. Rare classes are hard ones. So ``Product([HardnessLevel(), ClassBalance()])``
    lifts them twice, and ``Product([WithinClass(HardnessLevel()), ClassBalance()])`` once.

    Args:
        signal: the other one; it may learn.
        across_processes: means are those of the joined batch of all processes that train together.

    Example:
        >>> class Doubt(Signal):
        ...     name = "doubt"
        ...     def forward(self, px):
        ...         return 1 - px.confidence
        >>> logits = torch.tensor([[0.0, 0.0, 0.0], [0.0, 3.0, 9.0]]).view(1, 2, 1, 3)
        >>> px = PixelBatch(logits, torch.tensor([[[0, 0, 1]]]))
        >>> px.map(WithinClass(Doubt()))
        tensor([[[1.8267, 0.1733, 1.0000]]])
    """

    name = "within_class"
    needs_target = True

    def __init__(self, signal: Signal, across_processes: bool = True) -> None:
        super().__init__()
        self.signal = signal
        self.across_processes = across_processes
        self.reads = signal.reads

    @property
    def stops_gradient(self) -> bool:
        return self.signal.stops_gradient

    def bind(self, network: TappedNetwork) -> Self:
        bound(self.signal, network)
        return self

    @torch.no_grad()
    def forward(self, px: PixelBatch) -> Tensor:
        weight = px.map(self.signal).detach()
        label = torch.where(px.valid, px.labels, 0)
        # In float64 the order in which a GPU adds up does not show in the mean.
        sums = torch.zeros(2, px.logits.shape[1], dtype=torch.float64, device=weight.device)
        for total, values in zip(sums, (weight, torch.ones_like(weight)), strict=True):
            total.index_add_(0, label.flatten(), px.masked(values).flatten().double())
        if self.across_processes and self.training:
            sums = process_mean(sums)
        total, count = sums
        # A class whose weights are all 0 keeps them.
        mean = torch.where(total > 0, total / count.clamp(min=torch.finfo(count.dtype).tiny), 1).float()
        return torch.where(px.valid, weight / mean[label], 0)
