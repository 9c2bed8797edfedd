"""Connectivity of pixels with their eight neighbors: targets of classes, and votes of two pixels on their pair."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from hardpix.pixels.class_ids import class_ids, require_batch

# Rows and columns to neighbor k, from the upper left to the lower right; the way back from it is 7 − k.
NEIGHBORS = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))


def connectivity(target: Tensor, classes: Tensor, ignore_index: int = 255) -> tuple[Tensor, Tensor]:
    """Connections of every pixel with its eight neighbors, for each of some classes.

    A pixel and its neighbor k are connected for a class where both are labeled as it. A neighbor outside of the image,
    or a pixel of the two without a label, makes no pair. For a binary mask, ask for class 1.

    Args:
        target: (B, H, W) integer labels.
        classes: (K,) ids of the classes.
        ignore_index: the id of unlabeled pixels.

    Returns:
        Connections (B, K, 8, H, W) and pairs (B, 8, H, W), boolean: a target is known where there is a pair. Neighbor k
        is the one in the direction ``NEIGHBORS[k]``; seen from there, the pair is its number 7 − k.

    Raises:
        ValueError: a target of other axes or that is not of integers.

    Example:
        >>> connected, pairs = connectivity(torch.tensor([[[1, 1, 0, 255]]]), torch.tensor([1]))
        >>> connected[0, 0, 4], pairs[0, 4]  # with the neighbor on the right
        (tensor([[ True, False, False, False]]), tensor([[ True,  True, False, False]]))
    """
    require_batch(target)
    labels = class_ids(target)
    labeled = labels != ignore_index
    pairs = labeled[:, None] & _neighbors(labeled)
    same = pairs & (labels[:, None] == _neighbors(labels))
    of_class = labels[:, None] == classes.to(labels.device)[:, None, None]
    return same[:, None] & of_class[:, :, None], pairs


def both_weights(weight: Tensor) -> Tensor:
    """Weights (B, H, W) of pixels as those of their pairs, (B, 8, H, W): the product of the two, 0 outside.

    Example:
        >>> both_weights(torch.tensor([[[0.5, 0.5, 1.0]]]))[0, 4]
        tensor([[0.2500, 0.5000, 0.0000]])
    """
    return weight[:, None] * _neighbors(weight)


def log_votes(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Logarithms of the votes V and of 1 − V: V_k(i) = s_k(i) · s_{7−k}(i + k), with s the sigmoid of the logits.

    A pair is connected if both of its pixels say so. Outside of the image, where there is no pair, s counts as 1/2.

    Args:
        logits: (…, 8, H, W) raw scores of the connections.

    Returns:
        Two tensors of that shape, ≤ 0 and never −∞ of finite logits.

    Example:
        >>> log_votes(torch.zeros(8, 1, 2))[0].exp()[4]
        tensor([[0.2500, 0.2500]])
    """
    back = _neighbors_of_own(logits)
    mine = F.logsigmoid(logits)
    votes = mine + F.logsigmoid(back)
    # 1 − ab = (1 − a) + a (1 − b), a sum without a difference.
    return votes, torch.logaddexp(F.logsigmoid(-logits), mine + F.logsigmoid(-back))


def best_votes(logits: Tensor, pairs: Tensor) -> Tensor:
    """Probability of every pixel to be of a class: its largest vote, 0 without a pair.

    Args:
        logits: (B, K, 8, H, W) raw scores of the connections.
        pairs: (B, 8, H, W) boolean, pairs that there are.

    Returns:
        (B, K, H, W).

    Example:
        >>> connected, pairs = connectivity(torch.tensor([[[1, 1, 0, 1]]]), torch.tensor([1]))
        >>> best_votes(200 * connected.float() - 100, pairs)  # a pixel without a neighbor of its class is lost
        tensor([[[[1., 1., 0., 0.]]]])
    """
    return log_votes(logits)[0].masked_fill(~pairs[:, None], -torch.inf).amax(2).exp()


def _neighbors(maps: Tensor) -> Tensor:
    """Values of the eight neighbors (B, 8, H, W) of maps (B, H, W), 0 outside."""
    around = _around(maps)
    return torch.stack([_shifted(around, k) for k in range(8)], 1)


def _neighbors_of_own(maps: Tensor) -> Tensor:
    """Maps (…, 8, H, W) whose number k is number 7 − k at neighbor k, 0 outside."""
    around = _around(maps)
    return torch.stack([_shifted(around[..., 7 - k, :, :], k) for k in range(8)], -3)


def _around(maps: Tensor) -> Tensor:
    return F.pad(maps, (1, 1, 1, 1))


def _shifted(around: Tensor, k: int) -> Tensor:
    row, column = NEIGHBORS[k]
    height, width = around.shape[-2] - 2, around.shape[-1] - 2
    return around[..., 1 + row : 1 + row + height, 1 + column : 1 + column + width]
