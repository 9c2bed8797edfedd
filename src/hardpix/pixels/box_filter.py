"""Sums and means over square windows that end at the border of the image, in time that no radius changes."""

from __future__ import annotations

import torch
from torch import Tensor


def box_sum(values: Tensor, radius: int) -> Tensor:
    """Sum over the window of (2·radius + 1)² pixels around each pixel, of which only those in the image count.

    Differences of running sums, one axis after the other: a window of 33 × 33 costs what one of 3 × 3 does.

    Args:
        values: (…, H, W), numbers of any type.
        radius: reach of the window in pixels, ≥ 0.

    Returns:
        (…, H, W): float64 of floats, for running sums over an image lose digits of float32; int64 of whole numbers and
        booleans.

    Raises:
        ValueError: a negative radius.

    Example:
        >>> box_sum(torch.tensor([[1, 2, 3, 4]]), radius=1)
        tensor([[3, 6, 9, 7]])
    """
    if radius < 0:
        raise ValueError(f"expected a window of radius ≥ 0, found {radius}")
    values = values.to(torch.float64 if values.is_floating_point() else torch.int64)
    for axis in (-2, -1):
        values = _running(values, radius, axis)
    return values


def _running(values: Tensor, radius: int, axis: int) -> Tensor:
    size = values.shape[axis]
    reach = min(radius, size - 1)
    if reach < 1:
        return values
    before, after = list(values.shape), list(values.shape)
    before[axis], after[axis] = reach + 1, reach
    sums = values.cumsum(axis)
    total = sums.narrow(axis, size - 1, 1).expand(after)
    sums = torch.cat((sums.new_zeros(before), sums, total), axis)
    return sums.narrow(axis, 2 * reach + 1, size) - sums.narrow(axis, 0, size)


def box_mean(values: Tensor, radius: int, inside: Tensor | None = None) -> Tensor:
    """Mean over the window around each pixel: over the pixels that lie in the image, and that are inside.

    Args:
        values: (…, H, W), numbers of any type.
        radius: reach of the window in pixels, ≥ 0.
        inside: booleans, as many or fewer axes: pixels that count, such as those that are no padding; all by default.

    Returns:
        (…, H, W) float32; 0 where no pixel of the window counts.

    Raises:
        ValueError: a negative radius.

    Example:
        >>> box_mean(torch.tensor([[1.0, 2.0, 6.0]]), radius=1)
        tensor([[1.5000, 3.0000, 4.0000]])
        >>> box_mean(torch.tensor([[1.0, 2.0, 6.0]]), radius=1, inside=torch.tensor([[True, True, False]]))
        tensor([[1.5000, 1.5000, 2.0000]])
    """
    if inside is None:
        count = window_sizes(values.shape[-2], values.shape[-1], radius, values.device)
    else:
        # Not a product: what lies outside may be NaN.
        values = torch.where(inside, values, torch.zeros_like(values))
        count = box_sum(inside, radius)
    return (box_sum(values, radius) / count.clamp(min=1)).float()


def window_sizes(height: int, width: int, radius: int, device: torch.device | None = None) -> Tensor:
    """Number of pixels of each window that lie in the image, (H, W) int64.

    Example:
        >>> window_sizes(1, 3, radius=1)
        tensor([[2, 3, 2]])
    """
    rows, columns = (
        (at + radius).clamp(max=size - 1) - (at - radius).clamp(min=0) + 1
        for size in (height, width)
        for at in (torch.arange(size, device=device),)
    )
    return rows[:, None] * columns
