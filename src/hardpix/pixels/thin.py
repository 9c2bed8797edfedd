"""Thin parts of classes: what an opening of their masks removes."""

import torch
import torch.nn.functional as F
from torch import Tensor

from hardpix.pixels.class_ids import class_ids, require_batch


@torch.no_grad()
def thin_parts(target: Tensor, radius: int, ignore_index: int = 255) -> Tensor:
    """Pixels that a morphological opening of their class's mask by a disc removes, as in the report's thin recall.

    A pixel stays iff some disc of the radius covers it and holds no other class. What is at most 2·radius pixels wide
    is thin, whatever its length. Nothing is thin because its labels or the image end there. Unlabeled pixels take no
    part in any disc; outside of the image the pixels of the edge are repeated.

    Args:
        target: (B, H, W) integer labels from −2²⁴ to 2²⁴.
        radius: of the disc in pixels, ≥ 1.
        ignore_index: the id of unlabeled pixels.

    Returns:
        (B, H, W) boolean; False where unlabeled.

    Raises:
        ValueError: a radius below 1; a target of other axes or that is not of integers.

    Example:
        >>> thin_parts(torch.tensor([[[0, 0, 0, 1, 2, 2, 2]]]), radius=1)
        tensor([[[False, False, False,  True, False, False, False]]])
    """
    if radius < 1:
        raise ValueError(f"expected a disc of a radius of at least 1 pixel, found {radius}")
    require_batch(target)
    labels = class_ids(target)
    around = F.pad(labels[:, None].float(), (radius,) * 4, mode="replicate")
    unlabeled = around == ignore_index
    largest = _disc_maximum(around.masked_fill(unlabeled, -torch.inf), radius)
    smallest = -_disc_maximum((-around).masked_fill(unlabeled, -torch.inf), radius)
    # Where nothing is labeled, the largest is below the smallest.
    one_class = (largest <= smallest).float()
    kept = _disc_maximum(one_class, radius)[:, 0, radius:-radius, radius:-radius] > 0
    return ~kept & (labels != ignore_index)


def _disc_maximum(values: Tensor, radius: int) -> Tensor:
    """Maximum over the disc around every pixel of (B, 1, H, W); there is nothing outside."""
    height = values.shape[2]
    found = torch.full_like(values, -torch.inf)
    for row in range(-radius, radius + 1):
        reach = int((radius**2 - row**2) ** 0.5)
        line = F.max_pool2d(values, (1, 2 * reach + 1), stride=1, padding=(0, reach)) if reach else values
        here, there = (slice(max(step, 0), height + min(step, 0)) for step in (row, -row))
        torch.maximum(found[:, :, here], line[:, :, there], out=found[:, :, here])
    return found
