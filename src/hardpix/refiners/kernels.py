"""Gaussian sums over the pixels of an image: exact ones over all pairs, and separable ones of positions."""

from __future__ import annotations

from math import ceil
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import conv2d

# Pixels whose pairs with all others are held at once.
ROWS = 1024


class Sums(Protocol):
    """Sums Σ_j K_ij v_j of values (N, C) over N points."""

    def filter(self, values: Tensor) -> Tensor:
        """The sums, (N, C)."""
        ...


class ExactKernel:
    """Sums with K_ij = exp(−½ |f_i − f_j|²) over all pairs, in time N² and little memory.

    Args:
        features: (N, d), each divided by its scale.

    Example:
        >>> kernel = ExactKernel(torch.tensor([[0.0], [2.0]]))
        >>> kernel.filter(torch.tensor([[1.0], [0.0]])).flatten()
        tensor([1.0000, 0.1353])
    """

    def __init__(self, features: Tensor) -> None:
        if not bool(features.isfinite().all()):
            raise ValueError("expected finite features, found NaN or infinity: correct the image, or leave it out")
        self.features = features

    def filter(self, values: Tensor) -> Tensor:
        """The sums of values (N, C), (N, C)."""
        # By differences: a product of matrices would round distances of alike pixels to something else than 0.
        distances = (
            torch.cdist(rows, self.features, compute_mode="donot_use_mm_for_euclid_dist")
            for rows in self.features.split(ROWS)
        )
        return torch.cat([(-distance.square() / 2).exp() @ values for distance in distances])


class PositionKernel:
    """Sums with K_ij = exp(−½ |x_i − x_j|² / scale²) over the pixels of an image, cut off at 4 scales on each side.

    Args:
        size: height and width of the image.
        scale: in pixels.

    Example:
        >>> PositionKernel((1, 2), 1.0).filter(torch.tensor([[1.0], [0.0]])).flatten()
        tensor([1.0000, 0.6065])
    """

    def __init__(self, size: tuple[int, int], scale: float) -> None:
        self.size = size
        self.scale = scale

    def filter(self, values: Tensor) -> Tensor:
        """The sums of values (N, C) in the order of the pixels, (N, C)."""
        height, width = self.size
        maps = values.T.view(-1, 1, height, width)
        for axis, length in ((2, height), (3, width)):
            radius = min(ceil(4 * self.scale), length - 1)
            offset = torch.arange(-radius, radius + 1, dtype=values.dtype, device=values.device)
            shape, padding = [1, 1, 1, 1], [0, 0]
            shape[axis], padding[axis - 2] = len(offset), radius
            maps = conv2d(maps, (-(offset / self.scale).square() / 2).exp().view(shape), padding=padding)
        return maps.view(-1, height * width).T
