"""Signal that a labeler asks about what a teacher sees."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, cast

import torch
from torch import Tensor, nn

from hardpix.networks.binding import bound
from hardpix.pixels import PixelBatch, at_least_float32
from hardpix.signals import Signal
from hardpix.teachers import MovingAverage

if TYPE_CHECKING:
    from hardpix.networks import TappedNetwork


class AskedSignal(nn.Module):
    """Hardness of a teacher's pixels by a signal, from 0 to 1 [ours].

    The signal learns with the network that learns, from labeled images; its recipe adds its loss. What is asked about
    the teacher's pixels is an average of it over the steps of the optimizer, as the teacher is one of the network, in
    evaluation mode. Signal and average are in the checkpoint.

    A signal with a level from 0 to 1, such as learned hardness, says it by that. The map v of another one counts as a
    multiple of the average, and is taken as v / (1 + v).

    Args:
        signal: such as HardnessLevel.
        momentum: of the average, mostly that of the teacher.

    Raises:
        ValueError: a signal that needs labels; a momentum outside its range.

    Example:
        >>> class Doubt(Signal):
        ...     name = "doubt"
        ...     def forward(self, px):
        ...         return 1 - px.confidence
        >>> AskedSignal(Doubt())(PixelBatch(torch.zeros(1, 2, 1, 1)))  # ½ / (1 + ½)
        tensor([[[0.3333]]])
    """

    def __init__(self, signal: Signal, momentum: float = 0.99) -> None:
        super().__init__()
        if signal.needs_target:
            raise ValueError(
                f"expected a signal that speaks of images without labels, such as HardnessLevel, found "
                f"{type(signal).__name__}, which needs labels"
            )
        self.signal = signal
        self.average = MovingAverage(momentum)

    def bind(self, network: TappedNetwork) -> Self:
        """Bind the signal to the network that learns, and begin its average."""
        bound(self.signal, network)
        self.average.bind(cast(Any, self.signal))
        return self

    def end_step(self) -> None:
        """Follow the signal after a step of the optimizer."""
        self.average.update(cast(Any, self.signal))

    @torch.no_grad()
    def forward(self, px: PixelBatch) -> Tensor:
        """(B, H, W) float32 from 0 to 1."""
        asked = self.signal if self.average.network is None else cast(Signal, self.average.network)
        # A batch of its own: an objective may ask another signal of the same name about these pixels.
        level = at_least_float32(asked.level(replace(px)).detach())
        return level.clamp(0, 1) if asked.has_level else level / (1 + level)
