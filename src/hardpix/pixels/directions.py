"""Borders of classes as bands, and the direction from there into each class (targets of SegFix, ECCV 2020)."""

from __future__ import annotations

from math import pi

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from hardpix.pixels.class_ids import class_ids, require_batch
from hardpix.pixels.distances import distance_to

# Row and column of one step, in the order of the eight bins.
STEPS = ((0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1))


@torch.no_grad()
def border_directions(
    target: Tensor, width: int = 5, ignore_index: int = 255, radius: int = 2
) -> tuple[Tensor, Tensor]:
    """Bands along the borders of classes, and which of eight directions leads into a pixel's class.

    The depth of a pixel is its Euclidean distance to the nearest labeled pixel of another class. The direction is that
    in which depth rises, by a filter of (2 · radius + 1)² weights (Δrow, Δcolumn) / distance². Unlabeled pixels make no
    border, and neither does the frame of the image.

    Args:
        target: (B, H, W) integer labels.
        width: depth up to which a pixel belongs to the band, in pixels.
        ignore_index: the id of unlabeled pixels.
        radius: of the filter.

    Returns:
        (B, H, W) int64: 1 in the band, 0 elsewhere; and the place of the direction in `STEPS`. Both are `ignore_index`
        without a label; the latter, too, where no direction is known: deep inside a class, and where opposite ones
        cancel out, as on lines of one pixel.

    Raises:
        ValueError: a target of other axes, or that is not of integers; a width or radius below 1.

    Example:
        >>> band, direction = border_directions(torch.tensor([[[0, 0, 0, 1, 1, 1]]]), width=2)
        >>> band.tolist(), direction.tolist()  # 0 is to the left, 4 to the right
        ([[[0, 1, 1, 1, 1, 0]]], [[[0, 0, 0, 4, 4, 4]]])
    """
    require_batch(target)
    if width < 1 or radius < 1:
        raise ValueError(f"expected width and radius of at least 1 pixel, found {width} and {radius}")
    labels = class_ids(target)
    valid = labels != ignore_index
    reach = 2 * width + 2 * radius
    band = torch.full_like(labels, ignore_index)
    direction = torch.full_like(labels, ignore_index)
    offset = torch.arange(-radius, radius + 1, dtype=torch.float32, device=labels.device)
    squares = offset[:, None].square() + offset.square()
    squares[radius, radius] = 1
    filters = torch.stack([offset[:, None] / squares, offset / squares])[:, None]
    for k in labels[valid].unique().tolist():
        own = labels == k
        depth = distance_to(valid & ~own, reach)
        # With zeros beyond the frame, directions along it would turn inward.
        rise = conv2d(pad(depth[:, None], (radius,) * 4, mode="replicate"), filters)
        angle = torch.atan2(rise[:, 0], rise[:, 1])
        known = own & (rise.abs().amax(1) > 1e-4)
        bins = ((angle + pi) / (pi / 4)).round().long() % 8
        band = torch.where(own, (depth <= width).long(), band)
        direction = torch.where(known, bins, direction)
    return band, direction
