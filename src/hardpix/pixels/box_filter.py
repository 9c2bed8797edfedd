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
        (…, H, W): float64 of floats, for running sums over an image lose digits of float32; int64 of whole numbers,
        int32 of booleans.

    Raises:
        ValueError: a negative radius.

    Example:
        >>> box_sum(torch.tensor([[1, 2, 3, 4]]), radius=1)
        tensor([[3, 6, 9, 7]])
    """
    if radius < 0:
        raise ValueError(f"expected a window of radius ≥ 0, found {radius}")
    kind = torch.float64 if values.is_floating_point() else torch.int64
    values = values.to(torch.int32 if values.dtype == torch.bool else kind)
    # Along memory, which is several times faster.
    rows = _along_rows(values.mT.contiguous(), radius)
    return _along_rows(rows.mT.contiguous(), radius)


def _along_rows(values: Tensor, radius: int) -> Tensor:
    size = values.shape[-1]
    reach = min(radius, size - 1)
    if reach < 1:
        return values
    sums = values.cumsum(-1, dtype=values.dtype)
    before = sums.new_zeros(*sums.shape[:-1], reach + 1)
    sums = torch.cat((before, sums, sums[..., -1:].expand(*sums.shape[:-1], reach)), -1)
    return sums[..., 2 * reach + 1 :] - sums[..., :size]


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
