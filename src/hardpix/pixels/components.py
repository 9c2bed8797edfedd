"""Sizes of the connected components of label maps, for all classes and images of a batch at once."""

import torch
import torch.nn.functional as F
from torch import Tensor

from hardpix.pixels.class_ids import class_ids, require_batch
from hardpix.pixels.eager import eager


@eager
@torch.no_grad()
def component_sizes(target: Tensor, ignore_index: int = 255) -> Tensor:
    """Number of pixels of every pixel's component: the pixels of its class that it is joined with, 8-connected.

    Corners join, as in :func:`hardpix.metrics.components.connected_components`: a pole drawn aslant is one object.
    Unlabeled pixels belong to no component and join nothing. The work is done on runs of one label in a row, of which
    there are far fewer than pixels. In whole numbers, results are the same on every device.

    Args:
        target: (B, H, W) integer labels.
        ignore_index: the id of unlabeled pixels.

    Returns:
        (B, H, W) int64, ≥ 1; 0 where unlabeled.

    Raises:
        ValueError: a target of other axes or that is not of integers.

    Example:
        >>> component_sizes(torch.tensor([[[3, 0, 255], [0, 3, 3]]]))
        tensor([[[3, 2, 0],
                 [2, 3, 3]]])
    """
    run, label, length, root = _runs(target, ignore_index)
    size = torch.zeros_like(length).scatter_add_(0, root, length)[root]
    return size.masked_fill(label == ignore_index, 0)[run]


@eager
@torch.no_grad()
def component_ids(target: Tensor, ignore_index: int = 255) -> Tensor:
    """A number for every component of :func:`component_sizes`, another one for each in the whole batch.

    Args:
        target: (B, H, W) integer labels.
        ignore_index: the id of unlabeled pixels.

    Returns:
        (B, H, W) int64, from 0 to below the number of pixels; −1 where unlabeled.

    Example:
        >>> component_ids(torch.tensor([[[3, 0, 255], [0, 3, 3]]]))
        tensor([[[ 0,  1, -1],
                 [ 1,  0,  0]]])
    """
    run, label, _, root = _runs(target, ignore_index)
    return root.masked_fill(label == ignore_index, -1)[run]


def _runs(target: Tensor, ignore_index: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The run of every pixel (B, H, W); the label, the length, and the first run of the component of each run."""
    require_batch(target)
    labels = class_ids(target)
    width = labels.shape[2]
    starts = F.pad(labels[:, :, 1:] != labels[:, :, :-1], (1, 0), value=True)
    run = starts.flatten().cumsum(0) - 1
    first = starts.flatten().nonzero().squeeze(1)
    label = labels.flatten()[first]
    length = first.diff(append=first.new_tensor([labels.numel()]))
    one, other = _touching(run.view(labels.shape), starts, width)
    joined = (label[one] == label[other]) & (label[one] != ignore_index)
    return run.view(labels.shape), label, length, _roots(len(first), one[joined], other[joined])


def _touching(run: Tensor, starts: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Pairs of runs (upper, lower) in neighboring rows that touch along an edge, or at a corner alone."""
    upper, lower = run[:, :-1], run[:, 1:]
    # Where two runs lie one above the other, the first column that they share starts one of the two.
    edge = starts[:, :-1] | starts[:, 1:]
    # Where both rows start a run in one column, the runs left and right of it meet crosswise in a corner.
    corner = starts[:, :-1] & starts[:, 1:] & (torch.arange(width, device=run.device) > 0)
    above, below = upper[corner], lower[corner]
    return torch.cat((upper[edge], above - 1, above)), torch.cat((lower[edge], below, below - 1))


def _roots(count: int, one: Tensor, other: Tensor) -> Tensor:
    """The smallest member of everybody's group, where the pairs (one, other) belong together."""
    parent = torch.arange(count, device=one.device)
    while len(one):
        parent.scatter_reduce_(0, torch.maximum(one, other), torch.minimum(one, other), "amin")
        while not torch.equal(parent, parent := parent[parent]):
            pass
        apart = parent[one] != parent[other]
        one, other = parent[one[apart]], parent[other[apart]]
    return parent
