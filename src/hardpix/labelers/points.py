"""Labels and instances from points (P2Seg: Wang et al., ICLR 2024, arXiv 2401.09709)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hardpix.labelers.base import Labeler, PseudoLabels
from hardpix.labelers.most_likely import most_likely, trust_beyond_labels
from hardpix.pixels import PixelBatch, component_ids, valid_mask
from hardpix.refiners import Refiner


class PointComponents(Labeler):
    """Completes points: a connected part of a predicted class is labeled if a point of this class is in it.

    Parts without a point, and those of fewer pixels than `smallest`, stay unlabeled; the points themselves are labels.
    It is for a teacher that tells the classes apart, such as ``FrozenRun`` of a run that has learned the points. A new
    network takes an image for one class, and a point of this class would label it all.

    Instances inside of the parts: :func:`point_instances`.

    [ours], where the authors' code does otherwise: all classes are treated alike, none as a background; points at row
    or column 0 count, which are dropped there.

    Args:
        smallest: number of pixels.
        refiner: corrects the probabilities by the image first.

    Raises:
        ValueError: images without labels; a refiner, and a batch without its image.

    Example:
        >>> logits = torch.tensor([[0.0] * 5, [0.0, 1.0, 1.0, -1.0, 1.0]]).view(1, 2, 1, 5)
        >>> px = PixelBatch(logits, torch.tensor([[[255, 1, 255, 255, 255]]]))
        >>> PointComponents(smallest=1)(px).target
        tensor([[[255,   1,   1, 255, 255]]])
    """

    completes = True

    def __init__(self, smallest: int = 50, refiner: Refiner | None = None) -> None:
        super().__init__(refiner)
        if smallest < 1:
            raise ValueError(f"expected smallest ≥ 1, found {smallest}")
        self.smallest = smallest

    @torch.no_grad()
    def forward(self, px: PixelBatch) -> PseudoLabels:
        predicted, confidence = most_likely(px, self.refiner)
        trust = trust_beyond_labels(px)
        # Padding joins no parts, and of NaN the most likely class would be a guess.
        shown = torch.where((trust > 0) & ~confidence.isnan(), predicted, -1)
        part = component_ids(shown, ignore_index=-1)
        held = _parts_with_points(part, shown, torch.where(px.valid, px.labels, -1), self.smallest)
        known = px.valid & (trust > 0)
        target = torch.where(known, px.labels, torch.where(held, predicted, px.ignore_index))
        return PseudoLabels(target, trust * (target != px.ignore_index))


@dataclass(frozen=True)
class Instances:
    """Instances of a batch, (B, H, W): the number of each pixel's point, from 0 in each image; −1 where there is none.

    Attributes:
        number: int64. Points are counted row by row.
        offset: (B, 2, H, W) float32, rows and columns from the pixel to its point; 0 where there is none.
    """

    number: Tensor
    offset: Tensor

    @property
    def weight(self) -> Tensor:
        """(B, H, W) float32: 1 where there is an instance."""
        return (self.number >= 0).float()


@torch.no_grad()
def point_instances(classes: Tensor, points: Tensor, ignore_index: int = 255, smallest: int = 50) -> Instances:
    """First instances (S2I): every pixel of a connected part goes to the nearest point of its class in the part.

    [ours] the offset leads to the point also where the part has a single one. The authors' code takes the centroid of
    the part there, and the point in the second step.

    Args:
        classes: (B, H, W) predicted classes.
        points: (B, H, W) class of each point's pixel, `ignore_index` elsewhere.
        ignore_index: the id of what is no point, or no class.
        smallest: number of pixels below which a part is dropped.

    Example:
        >>> classes = torch.tensor([[[1, 1, 1, 1]]])
        >>> point_instances(classes, torch.tensor([[[1, 255, 255, 1]]]), smallest=1).offset[0, 1]
        tensor([[ 0., -1.,  1.,  0.]])
    """
    part = component_ids(classes, ignore_index)
    held = _parts_with_points(part, classes, points, smallest)
    return _nearest(classes, points, torch.where(held, part, -1), torch.zeros_like(classes[:, None]), ignore_index)


@torch.no_grad()
def regrouped(classes: Tensor, points: Tensor, offset: Tensor, ignore_index: int = 255) -> Instances:
    """Instances mended by predicted offsets: a pixel goes to the point of its class nearest to pixel + offset.

    Args:
        classes: (B, H, W) predicted classes.
        points: (B, H, W) class of each point's pixel, `ignore_index` elsewhere.
        offset: (B, 2, H, W) predicted, in rows and columns.
        ignore_index: the id of what is no point, or no class.

    Example:
        >>> classes, points = torch.ones(1, 1, 4, dtype=torch.long), torch.tensor([[[1, 255, 255, 1]]])
        >>> regrouped(classes, points, torch.tensor([0.0, 3.0]).view(1, 2, 1, 1).expand(1, 2, 1, 4)).number
        tensor([[[1, 1, 1, 1]]])
    """
    return _nearest(classes, points, None, offset, ignore_index)


def _parts_with_points(part: Tensor, classes: Tensor, points: Tensor, smallest: int) -> Tensor:
    """(B, H, W) boolean: pixels of parts that are large enough and hold a point of their class."""
    place = part.clamp(min=0).flatten()
    inside = (part >= 0).flatten()
    size = torch.zeros_like(place).scatter_add_(0, place, inside.long())
    hits = torch.zeros_like(place).scatter_add_(0, place, (inside & (points == classes).flatten()).long())
    return (inside & (size[place] >= smallest) & (hits[place] > 0)).view(part.shape)


def _nearest(classes: Tensor, points: Tensor, part: Tensor | None, offset: Tensor, ignore_index: int) -> Instances:
    """Every pixel's nearest point of its class, and of its part where these are given, seen from pixel + offset."""
    images, height, width = classes.shape
    rows = torch.arange(height, device=classes.device, dtype=torch.float32)[:, None].expand(height, width)
    columns = torch.arange(width, device=classes.device, dtype=torch.float32).expand(height, width)
    own = torch.stack([rows, columns])
    number = torch.full_like(classes, -1)
    found = torch.zeros(images, 2, height, width, device=classes.device)
    for image in range(images):
        best = torch.full((height, width), torch.inf, device=classes.device)
        seen = own + offset[image]
        is_point = valid_mask(points[image], int(points.max()) + 1, ignore_index)
        for index, (row, column) in enumerate(is_point.nonzero().tolist()):
            apart = (seen - seen.new_tensor([row, column])[:, None, None]).square().sum(0)
            same = classes[image] == points[image, row, column]
            if part is not None:
                same &= (part[image] == part[image, row, column]) & (part[image] >= 0)
            nearer = same & (apart < best)
            best = torch.where(nearer, apart, best)
            number[image] = torch.where(nearer, index, number[image])
            to_point = seen.new_tensor([row, column])[:, None, None] - own
            found[image] = torch.where(nearer, to_point, found[image])
    return Instances(number, found)
