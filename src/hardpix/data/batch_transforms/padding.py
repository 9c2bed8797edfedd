"""Padding of an image, told by its color."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def is_padding(colors: Tensor, mean: Sequence[float]) -> Tensor:
    """Mask (H, W) of the rows and columns along the frame that are in the mean color throughout.

    Crops and `collate` pad with the mean color, which normalizes to 0, or to 0 within half a step of 8 bits. Padding
    that brightness or contrast changed after it was made is not told; it changes like the image.

    Args:
        colors: of one image, (3, H, W), in 0…1.
        mean: color of the padding.

    Example:
        >>> colors = torch.tensor([0.9, 0.5, 0.8, 0.5, 0.5]).expand(3, 2, 5)
        >>> is_padding(colors, (0.5, 0.5, 0.5))[0]
        tensor([False, False, False,  True,  True])
    """
    color = torch.tensor(mean, device=colors.device)[:, None, None]
    alike = ((colors - color).abs() <= 0.5 / 255 + 1e-5).all(0)
    rows, columns = _at_an_end(alike.all(1)), _at_an_end(alike.all(0))
    return rows[:, None] | columns


def _at_an_end(flags: Tensor) -> Tensor:
    """True flags that no false one parts from both ends."""
    return (flags.int().cumprod(0) + flags.int().flip(0).cumprod(0).flip(0)) > 0
