"""Local refinement by image affinity: the operator that PAMR and PAR are two settings of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from hardpix.pixels.precision import at_least_float32
from hardpix.refiners.base import Refiner, require_one_size

RING = [(row, column) for row in (-1, 0, 1) for column in (-1, 0, 1) if (row, column) != (0, 0)]


class LocalAffinity(Refiner):
    """Every pixel takes, `steps` times, the mean of its neighbors, weighted by how alike their colors are.

    Neighbors are the 8 pixels around it at each dilation; at the frame the image's edge is repeated. The weights come
    from the image I alone, are computed once, and sum to 1:

        a_ij = softmax over j of  −mean over channels of (|I_i − I_j| / (temperature · s_i))^power
             + position_weight · softmax over j of  −(d_ij / (temperature · s_d))^power,     divided by their sum
        m_i ← Σ_j a_ij m_j

    s_i is the unbiased standard deviation of a channel over the neighbors, d_ij their distance in pixels, s_d that
    deviation of the distances. :class:`~hardpix.refiners.PAMR` and :class:`~hardpix.refiners.PAR` are it with the
    constants of their papers.

    Args:
        dilations: distances of the neighbors in pixels; the largest times `steps` is how far a pixel reaches.
        steps: number of means; 0 leaves the map as it is.
        temperature: smaller values follow the image more closely.
        power: 1 or 2.
        center: whether s_i counts the pixel itself, too, once for each dilation.
        position_weight: weight of the affinity by distance beside that by color.
        normalize: whether the sum is divided by 1 + position_weight, as probabilities need it. Without, as the authors
            of PAR have it, the map grows by that factor in every step.

    Raises:
        ValueError: a map and an image of different sizes; settings outside their range.

    Example:
        >>> image = torch.tensor([0.0, 0.0, 9.0, 9.0]).expand(1, 3, 4, 4)
        >>> LocalAffinity((1,), steps=1, temperature=0.5)(image[:, :1] / 9, image)[0, 0, 0]
        tensor([0.0000, 0.0109, 0.9891, 1.0000])
    """

    def __init__(
        self,
        dilations: Sequence[int] = (1, 2, 4, 8, 12, 24),
        steps: int = 10,
        temperature: float = 0.1,
        power: int = 1,
        center: bool = True,
        position_weight: float = 0.0,
        normalize: bool = True,
    ) -> None:
        super().__init__()
        if not dilations or min(dilations) < 1 or steps < 0 or not temperature > 0:
            raise ValueError(
                "expected one or more dilations ≥ 1, steps ≥ 0 and temperature > 0, found "
                f"{tuple(dilations)}, {steps} and {temperature}"
            )
        if power not in (1, 2) or not position_weight >= 0:
            raise ValueError(f"expected power 1 or 2 and position_weight ≥ 0, found {power} and {position_weight}")
        self.dilations = tuple(dilations)
        self.steps = steps
        self.temperature = temperature
        self.power = power
        self.center = center
        self.position_weight = position_weight
        self.normalize = normalize

    @property
    def reach(self) -> int:
        return self.steps * max(self.dilations)

    def forward(self, probabilities: Tensor, image: Tensor) -> Tensor:
        require_one_size(probabilities, image)
        maps = at_least_float32(probabilities)
        if self.steps:
            weights = self.weights(image).to(maps.dtype)
            for _ in range(self.steps):
                maps = self._weighted_mean(maps, weights)
        return maps

    @torch.no_grad()
    def weights(self, image: Tensor) -> Tensor:
        """The weights a_ij of an image (B, channels, H, W): (B, 8 · len(dilations), H, W), without a gradient."""
        image = at_least_float32(image)
        scale, nearest = self._scale(image)
        batch, _, height, width = image.shape
        alike = image.new_empty(batch, 8 * len(self.dilations), height, width)
        for place, neighbor in enumerate(neighbors(image, self.dilations)):
            distance = (neighbor - image).abs()
            if self.power == 1:
                alike[:, place] = -(distance / scale).mean(1)
            else:
                # Squares less the smallest one, by which a softmax does not change: far from all neighbors, squares are
                # large and nearly equal, and their difference would be lost in rounding.
                wide = ((distance + nearest) / scale).clamp(max=torch.finfo(image.dtype).max)
                alike[:, place] = -((distance - nearest) / scale * wide).mean(1)
        # Differences beyond the range of the type are as good as its lowest number.
        weights = alike.clamp_(min=torch.finfo(alike.dtype).min).softmax(1)
        if self.position_weight:
            weights += self.position_weight * self._by_position().to(weights)[:, None, None]
            if self.normalize:
                weights /= 1 + self.position_weight
        return weights

    def _scale(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """The scale of distances, and the distance of the nearest neighbor in color, both (B, channels, H, W)."""
        # Differences to one of the samples: total² / count is at most (count − 1) / count of squares, so that little
        # cancels, and the root is that of a number ≥ 0.
        pivot = image if self.center else next(neighbors(image, self.dilations))
        total, squares = torch.zeros_like(image), torch.zeros_like(image)
        nearest = torch.full_like(image, torch.inf)
        for neighbor in neighbors(image, self.dilations):
            difference = neighbor - pivot
            total += difference
            squares += difference.square()
            if self.power == 2:
                nearest = torch.minimum(nearest, (neighbor - image).abs())
        count = (9 if self.center else 8) * len(self.dilations)
        deviation = ((squares - total.square() / count).clamp(min=0) / (count - 1)).sqrt()
        if self.power == 1:
            return 1e-8 + self.temperature * deviation, nearest
        return self.temperature * (1e-8 + deviation), nearest

    def _by_position(self) -> Tensor:
        """Weights by distance alone, (8 · len(dilations),) float64."""
        lengths = [d * (r * r + c * c) ** 0.5 for d in self.dilations for r, c in RING]
        distance = torch.tensor(lengths, dtype=torch.float64)
        return (-(distance / (self.temperature * (1e-8 + distance.std()))).pow(self.power)).softmax(0)

    def _weighted_mean(self, maps: Tensor, weights: Tensor) -> Tensor:
        mean = torch.zeros_like(maps)
        for weight, neighbor in zip(weights.split(1, dim=1), neighbors(maps, self.dilations), strict=True):
            mean.addcmul_(weight, neighbor)
        return mean


def neighbors(maps: Tensor, dilations: Sequence[int]) -> Iterator[Tensor]:
    """For each of the 8 · len(dilations) offsets, the map (B, C, H, W) of the pixels that lie there, edges repeated.

    Example:
        >>> [int(neighbor) for neighbor in neighbors(torch.ones(1, 1, 1, 1), (1,))]
        [1, 1, 1, 1, 1, 1, 1, 1]
    """
    reach = max(dilations)
    padded = pad(maps, (reach, reach, reach, reach), mode="replicate")
    height, width = maps.shape[-2:]
    for dilation in dilations:
        for row, column in RING:
            top, left = reach + row * dilation, reach + column * dilation
            yield padded[..., top : top + height, left : left + width]
