"""ClassMix (Olsson et al., WACV 2021), as domain adaptation uses it (DACS, Tranheden et al., WACV 2021)."""

from __future__ import annotations

import torch
from torch import Tensor

from hardpix.data.batch_transforms.base import Batch
from hardpix.data.batch_transforms.pasting import partner_of, paste, per_pixel_entries
from hardpix.data.batch_transforms.seeded import SeededTransform


class ClassMix(SeededTransform):
    """Half of the classes of each partner image, drawn at random, are pasted by its target, in all entries alike.

    The half is rounded up: where there is one class, all its pixels are pasted. [ours], where code for domain
    adaptation does otherwise:

    - Classes are drawn for each image from its own; there from those of the whole batch, so that an image may give all
      or none.
    - Ignored pixels are never pasted; there they are drawn like a class.

    Args:
        ignore_index: unlabeled pixels of the partner's target.
        seed: of the draws, see `SeededTransform`.

    Raises:
        ValueError: a partner of another size, without a target, or without another of the batch's entries.

    Example:
        >>> batch = {"image": torch.zeros(1, 3, 1, 4), "target": torch.zeros(1, 1, 4, dtype=torch.long)}
        >>> labeled = {"image": torch.ones(1, 3, 1, 4), "target": torch.tensor([[[1, 1, 2, 255]]])}
        >>> ClassMix()(batch, labeled)["target"]  # of the classes 1 and 2 one is pasted
        tensor([[[0, 0, 2, 0]]])
    """

    def __init__(self, ignore_index: int = 255, seed: int = 0) -> None:
        super().__init__(seed)
        self.ignore_index = ignore_index

    def transform(self, batch: Batch, partner: Batch | None, generator: torch.Generator) -> Batch:
        partner = partner_of(batch, partner)
        target = per_pixel_entries(partner).get("target")
        if target is None:
            raise ValueError(
                "expected a target in the batch that classes are taken of, found none; give a labeled batch as the "
                "partner, or the batch its pseudo-labels"
            )
        return paste(batch, partner, self.half_of_the_classes(target, generator))

    def half_of_the_classes(self, target: Tensor, generator: torch.Generator) -> Tensor:
        """Mask (B, H, W) of the pixels of half of each image's classes, rounded up; false where ignored."""
        ids = target.unique()
        ids = ids[ids != self.ignore_index]
        labeled = target != self.ignore_index
        if len(ids) == 0:
            return labeled
        # The place of each pixel's class among the classes of the batch; that of ignored pixels does not matter.
        place = torch.searchsorted(ids, target.contiguous()).clamp(max=len(ids) - 1).flatten(1)
        votes = torch.zeros(len(target), len(ids), device=target.device)
        present = votes.scatter_add(1, place, labeled.flatten(1).to(votes.dtype)) > 0
        # Absent classes rank last, behind the half of the present ones.
        draws = torch.rand(len(target), len(ids), generator=generator).to(target.device)
        rank = torch.where(present, draws, 2).argsort(1).argsort(1)
        chosen = 2 * rank < present.sum(1, keepdim=True)
        return chosen.gather(1, place).view_as(target) & labeled
