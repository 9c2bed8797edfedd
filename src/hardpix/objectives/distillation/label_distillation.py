"""Pseudo-labels of each of several teachers: the pixel loss of MGD (ECCV 2022, arXiv 2208.10169)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from torch import Tensor

from hardpix.networks.binding import bound
from hardpix.objectives.base import Objective
from hardpix.objectives.distillation.asked import asked_teacher
from hardpix.objectives.weighting import weighted_means, weights_by
from hardpix.pixels import PixelBatch, cross_entropy_map
from hardpix.signals import Signal
from hardpix.teachers.ensemble import EnsembleBatch

if TYPE_CHECKING:
    from hardpix.networks import TappedNetwork


class LabelDistillation(Objective):
    """Cross-entropy of the student with the most likely class of its teacher; of an ensemble, with that of each member.

        loss = Σ w Σ_t ℓ(z, argmax z_t) / Σ w

    Where the members disagree the student is drawn to all of their classes alike. There is no threshold. Pixels of
    labeled images without a label take no part ([ours]; in the authors' code they do), nor does padding. Of images
    without labels all others do.

    [ours] the "reverse" terms of the code, by which the teachers would learn from each other, are left out: its
    teachers have no gradient. A pixel of which a member says NaN has no label of it.

    Args:
        signal: weighs the pixels: a signal, or the name of a map that an objective before this one in a ``Sum`` has
            published, such as "hardness"; None weighs every pixel alike.
        across_processes: normalizers are those of the joined batch of all processes that train together.

    Raises:
        ValueError: no teacher, or one of other classes or pixels.

    Example:
        >>> import torch
        >>> teacher = PixelBatch(torch.tensor([3.0, 1.0]).view(1, 2, 1, 1))
        >>> LabelDistillation()(PixelBatch(torch.zeros(1, 2, 1, 1), teacher=teacher))["loss"]  # log 2
        tensor(0.6931)
    """

    def __init__(self, signal: Signal | str | None = None, across_processes: bool = True) -> None:
        super().__init__()
        self.signal = signal
        self.across_processes = across_processes

    def bind(self, network: TappedNetwork) -> Self:
        if isinstance(self.signal, Signal):
            bound(self.signal, network)
        return self

    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        teacher = asked_teacher(px, self)
        names = list(teacher.members) if isinstance(teacher, EnsembleBatch) else [None]
        weight, by_count = weights_by(px, self.signal, "what weighs the distillation")
        losses = [self._loss(px, asked_teacher(px, self, name).logits.detach(), weight) for name in names]
        divisor = px.valid if by_count else weight
        # In evaluation the processes' numbers of batches may differ, and a sum over them would wait for ever.
        (mean,) = weighted_means(
            [(sum(losses[1:], losses[0]), weight, divisor)], self.across_processes and self.training
        )
        return {"loss": mean}

    @staticmethod
    def _loss(px: PixelBatch, logits: Tensor, weight: Tensor) -> Tensor:
        says = (weight > 0) & ~logits.isnan().any(1)
        return cross_entropy_map(px.logits, logits.argmax(1).masked_fill(~says, -100), -100)
