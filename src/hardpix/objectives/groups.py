"""Cells of an embedding by class and image."""

import torch
import torch.nn.functional as F
from torch import Tensor


def groups_of(labels: Tensor, num_classes: int) -> Tensor:
    """(B, h, w) labels to (B, h, w) numbers of class and image, class · B + image; −1 without a label.

    Example:
        >>> groups_of(torch.tensor([[[0, 1]], [[1, 255]]]), num_classes=2)
        tensor([[[ 0,  2]],
        <BLANKLINE>
                [[ 3, -1]]])
    """
    images = torch.arange(len(labels), device=labels.device)[:, None, None]
    known = (labels >= 0) & (labels < num_classes)
    return torch.where(known, labels * len(labels) + images, -1)


def means_of_groups(values: Tensor, group: Tensor) -> Tensor:
    """The mean of each value's group; 0 for those of no group (−1)."""
    place = group.flatten() + 1
    count = torch.bincount(place)
    total = torch.zeros(len(count), dtype=values.dtype, device=values.device).index_add_(0, place, values.flatten())
    mean = total / count.clamp(min=1)
    mean[0] = 0
    return mean[place].reshape(values.shape)


def cells_at(maps: Tensor, index: Tensor) -> Tensor:
    """(B, D, h, w) at (A,) positions b·h·w + y·w + x: (A, D)."""
    return _rows(maps).index_select(0, index)


def region_embeddings(maps: Tensor, labels: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
    """The mean direction of each class's cells in each image, for those that have any: (R, D), and their classes.

    Class after class, and of each the images in their order.
    """
    group, order = groups_of(labels, num_classes).flatten().int().sort(stable=True)
    counts = torch.bincount(group + 1, minlength=1 + num_classes * len(labels))
    there = counts[1:].nonzero().squeeze(1)
    starts = (counts.cumsum(0) - counts)[1:]
    # Adds up rows without a copy of them, and always in the same order.
    sums = F.embedding_bag(order[counts[0] :], _rows(maps), starts[there] - counts[0], mode="sum")
    return F.normalize(sums, dim=1), there // len(labels)


def _rows(maps: Tensor) -> Tensor:
    """(B, D, h, w) to (B·h·w, D): a view of maps that are channels last, as the projection head gives them."""
    return maps.permute(0, 2, 3, 1).flatten(0, 2)
