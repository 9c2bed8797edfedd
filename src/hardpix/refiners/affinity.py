"""Averages of a map over pixels of alike features (the affinity of P2Seg, ICLR 2024, arXiv 2401.09709)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from hardpix.pixels import resize_bilinear
from hardpix.pixels.precision import at_least_float32
from hardpix.refiners.base import Refiner, require_one_size


class Affinity(Refiner):
    """Every cell takes the mean of all cells of its image, weighted by how alike their features are.

    Cells are squares of pixels; with F their mean features, each minus its mean over the image:

        A_ij = sigmoid(F_i · F_j / temperature)
        m_i ← Σ_j A_ij m_j / Σ_j A_ij

    The image may have any number of channels: colors, or features of a network at the image's size. The result is
    resized to the map, so that details smaller than a cell are lost.

    [ours], where the authors' code does otherwise:

    - The mean preserves constants; there mass is distributed (S times the row-normalized A), which does not.
    - Features are centered, so that unlike cells get less than sigmoid(0) = 1/2; there all of F is positive or learned.
    - The map is one of probabilities of all classes; there those present are written beside logits.

    Args:
        cell: side of a cell in pixels; the memory is that of (H·W / cell²)² weights an image.
        temperature: smaller values follow the features more closely.

    Raises:
        ValueError: a map and an image of different sizes; settings outside their range.

    Example:
        >>> image = torch.tensor([-9.0, -9.0, 9.0, 9.0]).expand(1, 3, 1, 4)
        >>> probabilities = torch.tensor([1.0, 0.5, 0.0, 0.0]).view(1, 1, 1, 4)
        >>> Affinity(cell=1)(probabilities, image).flatten()  # dark beside bright
        tensor([0.7500, 0.7500, 0.0000, 0.0000])
    """

    def __init__(self, cell: int = 8, temperature: float = 0.1) -> None:
        super().__init__()
        if cell < 1 or not temperature > 0:
            raise ValueError(f"expected cell ≥ 1 and temperature > 0, found {cell} and {temperature}")
        self.cell = cell
        self.temperature = temperature

    def forward(self, probabilities: Tensor, image: Tensor) -> Tensor:
        require_one_size(probabilities, image)
        maps = at_least_float32(probabilities)
        size = (-(-maps.shape[2] // self.cell), -(-maps.shape[3] // self.cell))
        with torch.no_grad():
            features = adaptive_avg_pool2d(at_least_float32(image).to(maps.dtype), size)
            features = features - features.mean((2, 3), keepdim=True)
            weights = affinity_of(features, self.temperature)
        return resize_bilinear(affinity_mean(adaptive_avg_pool2d(maps, size), weights), maps.shape[2:])


def affinity_of(features: Tensor, temperature: float = 1.0) -> Tensor:
    """A = sigmoid(FᵀF / temperature), (B, D, h, w) → (B, h·w, h·w).

    Example:
        >>> affinity_of(torch.zeros(1, 2, 1, 1))
        tensor([[[0.5000]]])
    """
    flat = features.flatten(2)
    return (flat.transpose(1, 2) @ flat / temperature).sigmoid()


def affinity_mean(maps: Tensor, affinity: Tensor) -> Tensor:
    """Σ_j A_ij m_j / Σ_j A_ij of maps (B, C, h, w) and weights (B, h·w, h·w) ≥ 0; a row without weight keeps its value.

    Example:
        >>> affinity_mean(torch.tensor([[[[1.0, 3.0]]]]), torch.tensor([[[1.0, 1.0], [0.0, 0.0]]]))
        tensor([[[[2., 3.]]]])
    """
    flat = maps.flatten(2)
    total = affinity.sum(2)[:, None]
    means = torch.einsum("bij,bcj->bci", affinity, flat) / torch.where(total > 0, total, 1)
    return torch.where(total > 0, means, flat).view(maps.shape)
