"""Threshold of each pixel by how hard it is [ours: no published system has it]."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Self

import torch
from torch import Tensor

from hardpix.labelers.asked_signal import AskedSignal
from hardpix.labelers.thresholds.base import Seen, Threshold
from hardpix.labelers.thresholds.fixed import Fixed
from hardpix.networks.binding import bound
from hardpix.signals import Signal

if TYPE_CHECKING:
    from hardpix.networks import TappedNetwork


class ByHardness(Threshold):
    """Threshold that is higher where a signal says that pixels are hard [ours].

    With h from 0 to 1, how hard a pixel is, any rule sees the confidence (c − h) / (1 − h) in place of c, at least 0.
    For a fixed threshold T this keeps the labels with

        c ≥ T + (1 − T) · h

    It is T where a pixel is easy, and halfway to 1 where learned hardness expects an average loss; h = 1 is never kept.
    So "hard and sure" is kept, and "hard and doubtful" is not.

    Args:
        signal: how hard a pixel is, such as HardnessLevel. See :class:`~hardpix.labelers.AskedSignal`.
        threshold: the rule; Fixed(0.9) if none is given.
        momentum: of the average of the signal's branch, mostly that of the teacher.

    Raises:
        ValueError: a signal that needs labels; a momentum outside its range.

    Example:
        >>> from hardpix.signals import HardnessLevel
        >>> ByHardness(HardnessLevel(form="graded")).threshold.value
        0.9
    """

    def __init__(self, signal: Signal, threshold: Threshold | None = None, momentum: float = 0.99) -> None:
        super().__init__()
        self.hardness = AskedSignal(signal, momentum)
        self.threshold = Fixed(0.9) if threshold is None else threshold

    def bind(self, network: TappedNetwork) -> Self:
        """Build what depends on the network that learns."""
        bound(self.hardness, network)
        return self

    def end_step(self) -> None:
        """Follow the signal after a step of the optimizer."""
        self.hardness.end_step()

    def forward(self, seen: Seen) -> Tensor:
        hardness = self.hardness(seen.px)
        left = (seen.confidence - hardness).clamp(min=0) / (1 - hardness).clamp(min=torch.finfo(hardness.dtype).eps)
        return self.threshold(replace(seen, confidence=left.clamp(max=1)))
