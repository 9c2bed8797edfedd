"""Mean logits of whole images: the image loss of MGD (ECCV 2022, arXiv 2208.10169)."""

from __future__ import annotations

from torch import Tensor

from hardpix.objectives.base import Objective
from hardpix.objectives.distillation.asked import student_and_teacher
from hardpix.objectives.weighting import weight_map, weighted_means
from hardpix.pixels import PixelBatch


class ImageDistillation(Objective):
    """Draws the mean logits of each image, by the student, to those by its teacher.

        g_bk = mean over the pixels of z_bk,   loss = 1/B Σ_b Σ_k |g_bk^student − g_bk^teacher|

    It says how much of each class is in an image, and nothing of the place. The authors take the deeper one of two
    teachers for it, with weight 0.001 to 0.002.

    [ours], where the authors' code does otherwise:

    - It is divided by the number of images B. There it is a sum, so that their weight is to be multiplied by B here.
    - Pixels without a label in labeled images, and padding, take no part; an image without others does not count.

    Args:
        member: name of the one member of an ensemble to learn from; None learns from the teacher itself.
        across_processes: the number of images is that of the joined batch of all processes that train together.

    Raises:
        ValueError: no teacher, or one of other classes or pixels; a member that it does not have.

    Example:
        >>> import torch
        >>> teacher = PixelBatch(torch.tensor([[3.0, 1.0], [0.0, 0.0]]).view(1, 2, 1, 2))
        >>> px = PixelBatch(torch.tensor([[1.0, 0.0], [0.0, 1.0]]).view(1, 2, 1, 2), teacher=teacher)
        >>> ImageDistillation()(px)["loss"]  # |1/2 − 2| + |1/2 − 0|
        tensor(2.)
    """

    def __init__(self, member: str | None = None, across_processes: bool = True) -> None:
        super().__init__()
        self.member = member
        self.across_processes = across_processes

    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        student, teacher = student_and_teacher(px, self, self.member)
        counted = weight_map(px, None) > 0
        number = counted.sum((1, 2))
        # Pixels that are not counted may be NaN, whose gradient no weight of 0 would stop.
        apart = (student - teacher).masked_fill(~counted[:, None], 0).sum((2, 3))
        by_image = (apart / number.clamp(min=1)[:, None]).abs().sum(1)
        counts = (number > 0).to(by_image.dtype)
        # In evaluation the processes' numbers of batches may differ, and a sum over them would wait for ever.
        (mean,) = weighted_means([(by_image, counts, counts)], self.across_processes and self.training)
        return {"loss": mean}
