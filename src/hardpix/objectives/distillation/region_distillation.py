"""Similarity of regions: the region loss of MGD (ECCV 2022, arXiv 2208.10169)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from hardpix.objectives.base import Objective
from hardpix.objectives.distillation.asked import asked_teacher
from hardpix.objectives.embedding import embedding_of
from hardpix.objectives.weighting import weight_map, weighted_means
from hardpix.pixels import PixelBatch
from hardpix.pixels.precision import at_least_float32

# Length below which a vector has no direction.
SHORTEST = 1e-12


class RegionDistillation(Objective):
    """Draws the similarities between the regions of an image, by the student, to those by its teacher.

    The embedding of each of the two is averaged over g × g regions, and A is the matrix of cosines between them:

        loss = mean over images and pairs of regions of (A^student − A^teacher)²

    Neither the number of channels nor their order has to be the same in both networks. The authors take the wider one
    of two teachers for it, 7 × 7 regions and weight 100 or 50.

    [ours], where the authors' code does otherwise:

    - Cells without a labeled pixel in labeled images, and padding, have no part in a region, and a region without
      others none in the mean.
    - The embedding is what enters the last classifier.
    - A region whose mean is 0 has no direction: its cosines are 0, and no gradient. There it makes the loss NaN.

    Args:
        member: name of the one member of an ensemble to learn from; None learns from the teacher itself.
        regions: g, along each side.
        across_processes: the number of pairs is that of the joined batch of all processes that train together.

    Raises:
        ValueError: regions below 1; no teacher, or one of other classes or pixels; a member that it does not have; a
            student or teacher whose embedding must be named to the tap, or is no map.
        RuntimeError: an embedding that no gradient comes back from.

    Example:
        >>> from hardpix.pixels import Taps
        >>> def seen(vectors, teacher=None):
        ...     taps = Taps(embedding=torch.tensor(vectors).T.view(1, 2, 1, 2))
        ...     return PixelBatch(torch.zeros(1, 2, 1, 2), taps=taps, teacher=teacher)
        >>> px = seen([[1.0, 0.0], [0.0, 2.0]], teacher=seen([[1.0, 0.0], [3.0, 0.0]]))
        >>> RegionDistillation(regions=2)(px)["loss"]  # orthogonal, and parallel in the teacher: half of the pairs
        tensor(0.5000)
    """

    needs_neighbors = True

    def __init__(self, member: str | None = None, regions: int = 7, across_processes: bool = True) -> None:
        super().__init__()
        if regions < 1:
            raise ValueError(f"expected regions ≥ 1, found {regions}")
        self.member = member
        self.regions = regions
        self.across_processes = across_processes

    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        teacher = asked_teacher(px, self, self.member)
        counted = (weight_map(px, None) > 0)[:, None].float()
        with torch.autocast(px.logits.device.type, enabled=False):
            own, there = self._directions(embedding_of(px, self), counted)
            others, _ = self._directions(embedding_of(teacher, self, "teacher").detach(), counted)
            apart = (own.transpose(1, 2) @ own - (others.transpose(1, 2) @ others).to(own.dtype)).square()
        pairs = (there[:, :, None] & there[:, None]).to(apart.dtype)
        # In evaluation the processes' numbers of batches may differ, and a sum over them would wait for ever.
        (mean,) = weighted_means([(apart, pairs, pairs)], self.across_processes and self.training)
        return {"loss": mean}

    def _directions(self, embedding: Tensor, counted: Tensor) -> tuple[Tensor, Tensor]:
        """Mean direction of each region (B, D, g²), and (B, g²) boolean: regions in which something counts."""
        grid = (self.regions, self.regions)
        share = F.adaptive_avg_pool2d(counted, (embedding.shape[2], embedding.shape[3]))
        inside = torch.where(share > 0, at_least_float32(embedding) * share, 0)
        vectors = F.adaptive_avg_pool2d(inside, grid).flatten(2)
        length = torch.linalg.vector_norm(vectors, dim=1, keepdim=True)
        directions = torch.where(length > SHORTEST, vectors / length.clamp(min=SHORTEST), 0)
        return directions, (F.adaptive_avg_pool2d(share, grid) > 0).flatten(1)
