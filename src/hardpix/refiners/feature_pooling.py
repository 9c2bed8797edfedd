"""Pooling by the affinity of features (CLIP-DINOiser, Wysoczańska et al., ECCV 2024, arXiv 2312.12359)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hardpix.pixels import resize_bilinear
from hardpix.pixels.precision import at_least_float32
from hardpix.refiners.base import Refiner, require_one_size

# Rows of the affinity that are held at once.
ROWS = 4096


class FeaturePooling(Refiner):
    """Every cell takes the mean of the cells whose features point the same way, wherever in the image they are.

    With g the features of the image on a grid, each divided by its length, and F the map on that grid:

        A_ij = g_i · g_j where that is at least `threshold`, else 0
        F_i ← Σ_j A_ij F_j / Σ_j A_ij

    The result is resized to the map, so that details smaller than a cell are lost. It serves maps as coarse as that,
    such as those of open-vocabulary models; a local refiner may follow it.

    Args:
        features: module of images (B, 3, H, W) that gives maps (B, D, h, w), such as a self-supervised encoder.
        threshold: least cosine of two cells that are averaged, 0 or more and below 1.

    Gradients reach the probabilities, and neither image nor features. [ours], where the authors' code does otherwise:

    - A threshold of 0 leaves negative cosines out; there it lets them in.
    - A cell without features keeps its value; there it is NaN.
    - Weights are divided by their sum alone; there 1e-6 is added.
    - The affinity is held in blocks of rows; there whole.

    Raises:
        ValueError: a map and an image of different sizes; features that are no map; a threshold outside its range.

    Example:
        >>> image = torch.tensor([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]])[None, :, None]  # two kinds of cells
        >>> probabilities = torch.tensor([1.0, 0.5, 0.25, 0.75]).view(1, 1, 1, 4)
        >>> FeaturePooling(nn.Identity())(probabilities, image).flatten()
        tensor([0.7500, 0.7500, 0.5000, 0.5000])
    """

    def __init__(self, features: nn.Module, threshold: float = 0.2) -> None:
        super().__init__()
        if not 0 <= threshold < 1:
            raise ValueError(f"expected a threshold from 0 to below 1, found {threshold}")
        self.features = features
        self.threshold = threshold

    def forward(self, probabilities: Tensor, image: Tensor) -> Tensor:
        require_one_size(probabilities, image)
        maps = at_least_float32(probabilities)
        with torch.no_grad():
            found = self.features(image)
            if not isinstance(found, Tensor) or found.ndim != 4 or len(found) != len(image):
                shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
                raise ValueError(f"expected features (B, D, h, w) of {type(self.features).__name__}, found {shape}")
            unit = nn.functional.normalize(at_least_float32(found).to(maps.dtype), dim=1).flatten(2)
        size = found.shape[2:]
        coarse = resize_bilinear(maps, size).flatten(2)
        parts = [self._pooled(part, unit, coarse) for part in unit.split(ROWS, dim=2)]
        pooled, weight = (torch.cat(each, 2) for each in zip(*parts, strict=True))
        pooled = torch.where(weight > 0, pooled / torch.where(weight > 0, weight, 1), coarse)
        return resize_bilinear(pooled.view(*maps.shape[:2], *size), maps.shape[2:])

    def _pooled(self, part: Tensor, unit: Tensor, coarse: Tensor) -> tuple[Tensor, Tensor]:
        """Weighted sums and weights of some cells."""
        affinity = part.transpose(1, 2) @ unit
        affinity = torch.where(affinity < self.threshold, 0, affinity)
        return coarse @ affinity.transpose(1, 2), affinity.sum(2)[:, None]
