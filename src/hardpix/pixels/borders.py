"""Borders between classes: bands of pixels around them, and distances to them."""

import torch
import torch.nn.functional as F
from torch import Tensor

from hardpix.pixels.class_ids import class_ids, require_batch


def border_band(target: Tensor, radius: int, ignore_index: int = 255) -> Tensor:
    """Labeled pixels that have another class within ``radius`` rows and columns.

    A pixel is in the band iff the largest and the smallest label in its (2·radius + 1)² window differ. Unlabeled
    pixels belong to no band and make no border; neither does the edge of the image.

    Args:
        target: (B, H, W) integer labels from −2²⁴ to 2²⁴.
        radius: reach of the window in pixels, ≥ 1; 1 marks the pixels on both sides of a border.
        ignore_index: the id of unlabeled pixels.

    Returns:
        (B, H, W) boolean.

    Raises:
        ValueError: a target of other axes or that is not of integers; a radius below 1.

    Example:
        >>> border_band(torch.tensor([[[0, 0, 0, 1, 1, 255]]]), radius=1).int()
        tensor([[[0, 0, 1, 1, 0, 0]]], dtype=torch.int32)
    """
    if radius < 1:
        raise ValueError(f"a border band needs a radius of at least 1 pixel, found {radius}")
    require_batch(target)
    target = class_ids(target)
    valid = target != ignore_index
    # Pooling pads with −∞ and wants floats; labels are small integers, which float32 holds exactly.
    labels = target.float().unsqueeze(1)
    nothing = torch.full_like(labels, -torch.inf)
    largest = _window_maximum(torch.where(valid.unsqueeze(1), labels, nothing), radius)
    smallest = -_window_maximum(torch.where(valid.unsqueeze(1), -labels, nothing), radius)
    return valid & (largest != smallest).squeeze(1)


def distance_to_border(target: Tensor, largest: int, ignore_index: int = 255) -> Tensor:
    """Distance of every labeled pixel to the nearest pixel of another class, in steps of rows and columns.

    The chessboard distance max(|Δrow|, |Δcolumn|) of :func:`border_band`; pixels further away than ``largest``, and
    unlabeled ones, get ``largest + 1``.

    Args:
        target: (B, H, W) integer labels from −2²⁴ to 2²⁴.
        largest: distance in pixels at which the search ends, ≥ 1.
        ignore_index: the id of unlabeled pixels.

    Returns:
        (B, H, W) int64, from 1 to ``largest + 1``.

    Raises:
        ValueError: a target of other axes or that is not of integers; a search that ends below 1.

    Example:
        >>> distance_to_border(torch.tensor([[[0, 0, 0, 1, 1, 255]]]), largest=2)
        tensor([[[3, 2, 1, 1, 2, 3]]])
    """
    if largest < 1:
        raise ValueError(f"expected a search up to a distance of at least 1 pixel, found {largest}")
    require_batch(target)
    distance = torch.full_like(target, largest + 1, dtype=torch.int64)
    for radius in range(largest, 0, -1):
        distance[border_band(target, radius, ignore_index)] = radius
    return distance


def _window_maximum(values: Tensor, radius: int) -> Tensor:
    """Maximum over a (2·radius + 1)² window of (B, 1, H, W), one axis after the other."""
    size = 2 * radius + 1
    rows = F.max_pool2d(values, (size, 1), stride=1, padding=(radius, 0))
    return F.max_pool2d(rows, (1, size), stride=1, padding=(0, radius))
