"""Skeletons of all classes of a label map at once, and tubes around them."""

from itertools import cycle, product

import torch
import torch.nn.functional as F
from torch import Tensor

from hardpix.pixels.class_ids import class_ids, require_batch
from hardpix.pixels.eager import eager

# Rows and columns to the eight neighbors, clockwise from the one above: P2 to P9 of the paper.
_AROUND = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))


def _removable(second: bool) -> list[bool]:
    """Verdict of the first or second half-step on each of 256 neighborhoods; neighbor k is bit k of the number."""
    found = []
    for number in range(256):
        p2, p3, p4, p5, p6, p7, p8, p9 = (bool(number >> k & 1) for k in range(8))
        pieces = sum((not p2 and (p3 or p4), not p4 and (p5 or p6), not p6 and (p7 or p8), not p8 and (p9 or p2)))
        neighbors = min(sum((p9 or p2, p3 or p4, p5 or p6, p7 or p8)), sum((p2 or p3, p4 or p5, p6 or p7, p8 or p9)))
        kept_side = (p6 or p7 or not p9) and p8 if second else (p2 or p3 or not p5) and p4
        found.append(pieces == 1 and 2 <= neighbors <= 3 and not kept_side)
    return found


_HALVES = (_removable(second=False), _removable(second=True))


@eager
@torch.no_grad()
def skeletons(target: Tensor, ignore_index: int = 255) -> Tensor:
    """Skeletons of every class by parallel thinning (Guo and Hall, Commun. ACM 32(3), 1989).

    Pixels on the rim of a class's mask are removed, from two sides by turns, until lines of one pixel are left. Each
    8-connected piece of a mask keeps one 8-connected skeleton, with as many holes as the piece has. All classes are
    thinned at once; unlabeled pixels, and what is outside of the image, belong to no mask.

    The work is done on the rims of masks alone; label as ``ignore_index`` what needs no skeleton. A thing of w pixels'
    width takes about w / 2 rounds, in which the host waits for a GPU.

    Args:
        target: (B, H, W) integer labels.
        ignore_index: the id of unlabeled pixels.

    Returns:
        (B, H, W) boolean.

    Raises:
        ValueError: a target of other axes or that is not of integers.

    Example:
        >>> skeletons(torch.tensor([[[0, 0, 0, 0], [1, 1, 1, 0], [1, 1, 1, 0], [1, 1, 1, 0]]])).int()
        tensor([[[1, 1, 1, 0],
                 [0, 0, 0, 1],
                 [0, 1, 0, 1],
                 [0, 0, 0, 1]]], dtype=torch.int32)
    """
    require_batch(target)
    labels = class_ids(target)
    # A rim that is no class, so that every pixel has eight neighbors.
    none = torch.iinfo(torch.int64).min
    padded = F.pad(labels.masked_fill(labels == ignore_index, none), (1, 1, 1, 1), value=none)
    width = padded.shape[2]
    flat = padded.flatten()
    around = torch.tensor([row * width + column for row, column in _AROUND], device=flat.device)[:, None]
    bits = 2 ** torch.arange(8, device=flat.device)[:, None]
    halves = torch.tensor(_HALVES, device=flat.device)
    place = (flat != none).nonzero().squeeze(1)
    rim = place[(flat[place + around] != flat[place]).any(0)]
    candidates, last = rim, rim
    for removable in cycle(halves):
        same = flat[candidates + around] == flat[candidates]
        gone = candidates[removable[(same * bits).sum(0)]]
        flat[gone] = none
        # The verdict of a half-step on a pixel can only change where a neighbor has gone since the same one before.
        changed = torch.cat((last, gone))
        if len(changed) == 0:
            break
        near = torch.cat((changed, (changed + around).flatten())).unique()
        candidates, last = near[flat[near] != none], gone
    return padded[:, 1:-1, 1:-1] != none


@torch.no_grad()
def tubes(skeleton: Tensor, target: Tensor, radius: int) -> Tensor:
    """Pixels at most ``radius`` steps along rows and columns away from a skeleton pixel of their own class.

    Args:
        skeleton: (B, H, W) boolean, as :func:`skeletons` has it.
        target: (B, H, W) integer labels, from which the skeleton was made.
        radius: ≥ 0; 0 gives the skeleton.

    Returns:
        (B, H, W) boolean. A skeleton makes no tube beyond the mask of its class.

    Raises:
        ValueError: a radius below 0; a target of other axes or that is not of integers.

    Example:
        >>> tubes(torch.tensor([[[False, False, True, False, False]]]), torch.tensor([[[0, 0, 0, 0, 1]]]), radius=2)
        tensor([[[ True,  True,  True,  True, False]]])
    """
    if radius < 0:
        raise ValueError(f"expected a tube of a radius of at least 0 pixels, found {radius}")
    require_batch(target)
    labels = class_ids(target)
    height, width = labels.shape[1:]
    found = skeleton.clone()
    for row, column in product(range(-radius, radius + 1), repeat=2):
        if abs(row) + abs(column) <= radius and abs(row) < height and abs(column) < width:
            here = _overlap(row, column, height, width)
            there = _overlap(-row, -column, height, width)
            found[here] |= skeleton[there] & (labels[here] == labels[there])
    return found


def _overlap(row: int, column: int, height: int, width: int) -> tuple[slice, slice, slice]:
    """The part of maps (B, H, W) whose pixels have a neighbor so many rows above and columns to the left."""
    return (
        slice(None),
        slice(max(row, 0), height + min(row, 0)),
        slice(max(column, 0), width + min(column, 0)),
    )
