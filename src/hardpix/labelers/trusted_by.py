"""Trust in labels by how hard their pixels are [ours: no published system has it]."""

from __future__ import annotations

import torch

from hardpix.labelers.asked_signal import AskedSignal
from hardpix.labelers.base import Labeler, PseudoLabels
from hardpix.pixels import PixelBatch
from hardpix.signals import Signal


class TrustedBy(Labeler):
    """Labels of another labeler, trusted the less the harder a signal says that their pixels are [ours].

    The trust is multiplied by 1 − h, with h from 0 to 1, how hard the pixel is. Of graded learned hardness, which
    expects μ times the average loss, this is 1 / (1 + μ).

    Args:
        labeler: any, such as ConfidenceThreshold.
        signal: how hard a pixel is, such as HardnessLevel. See :class:`~hardpix.labelers.AskedSignal`.
        momentum: of the average of the signal's branch, mostly that of the teacher.

    Raises:
        ValueError: a signal that needs labels; a momentum outside its range.

    Example:
        >>> from hardpix.labelers import ConfidenceThreshold
        >>> class Doubt(Signal):
        ...     name = "doubt"
        ...     def forward(self, px):
        ...         return 1 - px.confidence
        >>> TrustedBy(ConfidenceThreshold(0.5), Doubt())(PixelBatch(torch.zeros(1, 2, 1, 1))).weight
        tensor([[[0.6667]]])
    """

    def __init__(self, labeler: Labeler, signal: Signal, momentum: float = 0.99) -> None:
        super().__init__()
        self.labeler = labeler
        self.hardness = AskedSignal(signal, momentum)

    @torch.no_grad()
    def forward(self, px: PixelBatch) -> PseudoLabels:
        found = self.labeler(px)
        hardness = self.hardness(px)
        # Where the network overflowed, nothing is labeled and nothing is known of how hard it is.
        trust = torch.where(found.weight > 0, found.weight * (1 - hardness), 0).float()
        return PseudoLabels(found.target, trust)
