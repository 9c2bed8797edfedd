"""Bringing maps to the resolution of the labels."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor


def resize_bilinear(maps: Tensor, size: Sequence[int]) -> Tensor:
    """Bilinear resize of (B, C, h, w) to (B, C, H, W), pixel centers aligned; untouched where the size fits.

    Example:
        >>> import torch
        >>> resize_bilinear(torch.zeros(2, 3, 4, 5), (8, 10)).shape
        torch.Size([2, 3, 8, 10])
    """
    if tuple(maps.shape[-2:]) == tuple(size):
        return maps
    return F.interpolate(maps, size=list(size), mode="bilinear", align_corners=False)
