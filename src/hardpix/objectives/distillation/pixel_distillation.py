"""Plain distillation (Hinton, Vinyals and Dean 2015, arXiv 1503.02531), at every pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from torch import Tensor

from hardpix.networks.binding import bound
from hardpix.objectives.base import Objective
from hardpix.objectives.distillation.asked import student_and_teacher
from hardpix.objectives.weighting import weighted_means, weights_by
from hardpix.pixels import PixelBatch, divergence_map
from hardpix.signals import Signal

if TYPE_CHECKING:
    from hardpix.networks import TappedNetwork


class Distillation(Objective):
    """Draws the student's class probabilities at each pixel to its teacher's, both softened by the temperature τ.

        d_i = τ² Σ_k p_ik log(p_ik / q_ik),    p = softmax(z_teacher / τ), q = softmax(z_student / τ) over the classes
        loss = Σ w d / Σ w

    τ² keeps the size of the gradient whatever τ is. w is a signal's map, such as learned hardness, as in
    :class:`~hardpix.objectives.WeightedCrossEntropy`. Pixels without a label in labeled images take no part, nor does
    padding; of images without labels all others do.

    [ours]: the mean over valid pixels. Authors' codes take one over all of them, ignored ones and padding; some divide
    by the number of classes too or leave τ² out.

    Args:
        temperature: τ > 0; 1 compares the probabilities themselves.
        signal: weighs the pixels: a signal, or the name of a map that an objective before this one in a ``Sum`` has
            published, such as "hardness"; None weighs every pixel alike.
        across_processes: normalizers are those of the joined batch of all processes that train together.

    Raises:
        ValueError: a temperature outside its range; no teacher, or one of other classes or pixels.

    Example:
        >>> import torch
        >>> teacher = PixelBatch(torch.tensor([3.0, 1.0]).log().view(1, 2, 1, 1))
        >>> px = PixelBatch(torch.zeros(1, 2, 1, 1), teacher=teacher)
        >>> Distillation()(px)["loss"]  # 3/4 log 3/2 + 1/4 log 1/2
        tensor(0.1308)
    """

    def __init__(
        self, temperature: float = 1.0, signal: Signal | str | None = None, across_processes: bool = True
    ) -> None:
        super().__init__()
        if not temperature > 0:
            raise ValueError(f"expected temperature > 0, found {temperature}")
        self.temperature = temperature
        self.signal = signal
        self.across_processes = across_processes

    def bind(self, network: TappedNetwork) -> Self:
        if isinstance(self.signal, Signal):
            bound(self.signal, network)
        return self

    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        student, teacher = student_and_teacher(px, self)
        weight, by_count = weights_by(px, self.signal, "what weighs the distillation")
        divergence = divergence_map(student, teacher, self.temperature, weight > 0)
        # In evaluation the processes' numbers of batches may differ, and a sum over them would wait for ever.
        joined = self.across_processes and self.training
        (mean,) = weighted_means([(divergence, weight, px.valid if by_count else weight)], joined)
        return {"loss": self.temperature**2 * mean}
