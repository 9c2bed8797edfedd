"""Gaussian sums over the pixels of an image: exact ones over all pairs, and separable ones of positions."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

# Pixels whose pairs with all others are held at once.
ROWS = 1024


class Sums(Protocol):
    """Sums Σ_j K_ij v_j of values (C, N) over N points."""

    def filter(self, values: Tensor) -> Tensor:
        """The sums, (C, N)."""
        ...


class ExactKernel:
    """Sums with K_ij = exp(−½ |f_i − f_j|²) over all pairs, in time N² and little memory.

    Args:
        features: (N, d), each divided by its scale.

    Example:
        >>> kernel = ExactKernel(torch.tensor([[0.0], [2.0]]))
        >>> kernel.filter(torch.tensor([[1.0, 0.0]]))
        tensor([[1.0000, 0.1353]])
    """

    def __init__(self, features: Tensor) -> None:
        if not bool(features.isfinite().all()):
            raise ValueError("expected finite features, found NaN or infinity: correct the image, or leave it out")
        self.features = features

    def filter(self, values: Tensor) -> Tensor:
        """The sums of values (C, N), (C, N)."""
        # By differences: a product of matrices would round distances of alike pixels to something else than 0.
        distances = (
            torch.cdist(rows, self.features, compute_mode="donot_use_mm_for_euclid_dist")
            for rows in self.features.split(ROWS)
        )
        return torch.cat([values @ (-distance.square() / 2).exp().T for distance in distances], 1)


class PositionKernel:
    """Sums with K_ij = exp(−½ |x_i − x_j|² / scale²) over the pixels of an image, by columns and by rows.

    Args:
        size: height and width of the image.
        scale: in pixels.

    Example:
        >>> PositionKernel((1, 2), 1.0).filter(torch.tensor([[1.0, 0.0]]))
        tensor([[1.0000, 0.6065]])
    """

    def __init__(self, size: tuple[int, int], scale: float) -> None:
        self.size = size
        self.scale = scale

    def filter(self, values: Tensor) -> Tensor:
        """The sums of values (C, N) in the order of the pixels, (C, N)."""
        down, along = (self._matrix(length, values) for length in self.size)
        return (down @ values.reshape(-1, *self.size) @ along).flatten(1)

    def _matrix(self, length: int, like: Tensor) -> Tensor:
        place = torch.arange(length, dtype=like.dtype, device=like.device) / self.scale
        return (-(place[:, None] - place).square() / 2).exp()
