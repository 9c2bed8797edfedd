"""Skeleton recall loss (Kirchhoff et al., ECCV 2024, arXiv 2404.03010)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from hardpix.objectives.base import Objective
from hardpix.objectives.thin_classes import ThinClasses, pixels_of
from hardpix.pixels import PixelBatch, joined_sum, skeletons, tubes


class SkeletonRecall(Objective):
    """Asks for thin things along their whole length: one minus the soft recall on the skeleton of each class's labels.

    The skeleton is made broader to a tube T_c, which stays within the mask of its class:

        recall_c = Σ_{i in T_c} w_i p_i(c) / Σ_{i in T_c} w_i
        loss = mean of 1 − recall_c over the classes that have a skeleton

    p_i(c) is the probability of the class, w_i the share by which the label is trusted ("target_weight" of the
    sample), else 1. A pixel of a wire counts as much as one of the middle of a wall, and nothing is gained beside the
    middle. It says nothing of false pixels, and is therefore added to another loss, as by the authors with weight 1:
    ``Sum({"segmentation": …, "skeleton": SkeletonRecall()})``.

    [ours], where the authors' code does otherwise:

    - Every class has its own skeleton; theirs is that of all foreground together.
    - Thinning by Guo and Hall in torch (:func:`hardpix.pixels.skeletons`); theirs is scikit-image's, on the CPU.
    - Unlabeled pixels belong to no mask, as what is outside of the image. A thing that they cut in two has a skeleton
      on either side.
    - Classes without a skeleton in the batch do not count, so that nothing is added to both sides of the quotient.

    Args:
        classes: names or ids; None: the classes that are thin by what has been seen in training
            (:class:`~hardpix.objectives.thin_classes.ThinClasses`). Broad classes cost time, about a round for every
            two pixels of the broadest thing.
        tube_radius: steps along rows and columns from the skeleton to the border of the tube; 0 for the skeleton alone.
        thin_share: least share of a thin class's pixels that lie in parts of at most 6 pixels' width.
        across_processes: recalls are those of the joined batch of all processes that train together.

    Returns (from forward):
        "loss", and for the log "classes", the number of classes that count.

    Raises:
        ValueError: settings outside their range; names or ids that are no class.
        RuntimeError: names of classes that nobody has looked up.

    Example:
        >>> px = PixelBatch(torch.zeros(1, 4, 1, 3), torch.tensor([[[0, 3, 255]]]))
        >>> SkeletonRecall(classes=[3])(px)["loss"]  # 1 − 1/4
        tensor(0.7500)
    """

    needs_neighbors = True

    def __init__(
        self,
        classes: Sequence[int | str] | None = None,
        tube_radius: int = 2,
        thin_share: float = 1 / 3,
        across_processes: bool = True,
    ) -> None:
        super().__init__()
        if tube_radius < 0:
            raise ValueError(f"expected tube_radius ≥ 0, found {tube_radius}")
        self.classes = ThinClasses(classes, thin_share)
        self.tube_radius = tube_radius
        self.across_processes = across_processes

    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        # In evaluation the processes' numbers of batches may differ, and a sum over them would wait for ever.
        joined = self.across_processes and self.training
        labels = pixels_of(self.classes(px, joined), px)
        tube = tubes(skeletons(labels, ignore_index=-1), labels, self.tube_radius)
        weight = px.masked(tube.float()).flatten()
        inside = weight.nonzero().squeeze(1)
        probability = px.true_probability.flatten()[inside]
        weight = weight[inside].to(probability.dtype)
        classes = one_hot(labels.flatten()[inside], px.logits.shape[1])
        sums = (classes[:, :, None] * torch.stack([weight * probability, weight], 1)[:, None]).sum(0)
        found, there = (joined_sum(sums) if joined else sums).unbind(1)
        counts = there > 0
        missed = 1 - found / torch.where(counts, there, 1)
        number = counts.sum().to(missed.dtype)
        return {"loss": (missed * counts).sum() / number.clamp(min=1), "classes": number}
