"""Channel-wise distillation, CWD (Shu et al., ICCV 2021, arXiv 2011.13256)."""

from __future__ import annotations

import torch
from torch import Tensor

from hardpix.objectives.base import Objective
from hardpix.objectives.distillation.asked import student_and_teacher
from hardpix.objectives.weighting import weight_map, weighted_means
from hardpix.pixels import PixelBatch
from hardpix.pixels.losses import divergence


class ChannelDistillation(Objective):
    """Draws the places of each class, by the student, to those by the teacher.

    Each channel of the logits becomes a distribution over the positions i of its image, softened by the temperature τ:

        φ_k = softmax over i of z_k / τ
        loss = τ² / (B · C) Σ_b Σ_k Σ_i φ_k^teacher log(φ_k^teacher / φ_k^student)

    A channel's offset cancels out, so that nothing depends on how likely a class is, only on where it is likely.
    The authors add it to the cross-entropy with weight 3:
    ``Sum({"segmentation": …, "distillation": ChannelDistillation()}, {"distillation": 3.0})``.

    [ours], where the authors' code does otherwise:

    - Pixels without a label in labeled images, and padding, are no positions; an image without one does not count.
    - Log-softmax, so that no logarithm of 0 is taken.
    - Logits at label resolution, as everything here.

    Args:
        temperature: τ > 0.
        across_processes: the number of images is that of the joined batch of all processes that train together.

    Raises:
        ValueError: a temperature outside its range; no teacher, or one of other classes or pixels.

    Example:
        >>> teacher = PixelBatch(torch.tensor([3.0, 1.0]).log().view(1, 1, 1, 2))  # one class, two positions
        >>> px = PixelBatch(torch.zeros(1, 1, 1, 2), teacher=teacher)
        >>> ChannelDistillation(temperature=1)(px)["loss"]  # 3/4 log 3/2 + 1/4 log 1/2
        tensor(0.1308)
    """

    def __init__(self, temperature: float = 4.0, across_processes: bool = True) -> None:
        super().__init__()
        if not temperature > 0:
            raise ValueError(f"expected temperature > 0, found {temperature}")
        self.temperature = temperature
        self.across_processes = across_processes

    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        student, teacher = student_and_teacher(px, self)
        positions = (weight_map(px, None) > 0).flatten(1)
        with torch.autocast(px.logits.device.type, enabled=False):
            own, others = (self._log_shares(logits, positions) for logits in (student, teacher))
            by_image = divergence(others, own).sum(2).mean(1)
        counts = positions.any(1).to(by_image.dtype)
        # In evaluation the processes' numbers of batches may differ, and a sum over them would wait for ever.
        joined = self.across_processes and self.training
        (mean,) = weighted_means([(by_image, counts, counts)], joined)
        return {"loss": self.temperature**2 * mean}

    def _log_shares(self, logits: Tensor, positions: Tensor) -> Tensor:
        """log φ (B, C, H·W), −∞ outside of the positions; of an image without any, the same everywhere."""
        inside = logits.flatten(2).masked_fill(~positions[:, None], -torch.inf)
        inside = inside.masked_fill(~positions.any(1)[:, None, None], 0)
        return (inside / self.temperature).log_softmax(2)
