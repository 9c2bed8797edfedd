"""Padding of normalized images."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn.functional import interpolate

# Half a step of 8 bits, over the smallest standard deviation that images are normalized by.
ROUNDING = 0.5 / 255 / 0.22


def padding_of(image: Tensor, size: Sequence[int] | None = None) -> Tensor:
    """Mask (B, H, W) of rows and columns along the frame that are 0, the mean color, throughout.

    Crops and batches of images of several sizes are padded with the mean color, which normalizes to 0 within half a
    step of 8 bits.

    Args:
        image: (B, channels, h, w), normalized.
        size: H and W, those of the image if not given; each pixel takes the nearest.

    Example:
        >>> import torch
        >>> image = torch.tensor([0.0, 1.0, 0.0, 2.0, 0.0, 0.0]).expand(1, 3, 2, 6)
        >>> padding_of(image)[0, 0]
        tensor([ True, False, False, False,  True,  True])
    """
    zero = (image.abs() <= ROUNDING).all(1)
    rows, columns = _at_an_end(zero.all(2)), _at_an_end(zero.all(1))
    padding = rows[:, :, None] | columns[:, None, :]
    if size is None or tuple(size) == tuple(padding.shape[1:]):
        return padding
    return interpolate(padding[:, None].float(), size=list(size), mode="nearest-exact")[:, 0] > 0


def _at_an_end(flags: Tensor) -> Tensor:
    """True flags (B, n) that no false one parts from both ends."""
    return (flags.int().cumprod(1) + flags.int().flip(1).cumprod(1).flip(1)) > 0
