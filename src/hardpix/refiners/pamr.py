"""Pixel-adaptive mask refinement (Araslanov and Roth, CVPR 2020)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from hardpix.pixels.precision import at_least_float32
from hardpix.refiners.base import Refiner, require_one_size

RING = [(row, column) for row in (-1, 0, 1) for column in (-1, 0, 1) if (row, column) != (0, 0)]


class PAMR(Refiner):
    """PAMR: every pixel takes, `steps` times, the mean of its neighbors, weighted by how alike their colors are.

    Neighbors are the 8 pixels around it at each dilation; at the frame the image's edge is repeated. The weights come
    from the image I alone, are computed once, and sum to 1:

        a_ij = softmax over j of  −mean over channels of |I_i − I_j| / (1e-8 + temperature · s_i)
        m_i ← Σ_j a_ij m_j

    s_i is the unbiased standard deviation of a channel over the neighbors and, once per dilation, the pixel itself.
    A channel's scale and offset cancel out: a normalized image gives what the raw one gives.

    Args:
        dilations: distances of the neighbors in pixels; the largest times `steps` is how far a pixel reaches.
        steps: number of means; 0 leaves the map as it is.
        temperature: smaller values follow the image more closely.

    Neighbors are added up one by one, so that memory is that of 8 · len(dilations) · B · H · W weights (twice that
    while they are made), whatever the number of classes. Float32, or float64 where probabilities are.

    Gradients reach the probabilities, for which one map a step is kept, and never the image: s_i has no finite gradient
    where the image is flat.

    [ours], where the authors' code does otherwise:

    - There is a gradient; none there.
    - Neighbors are added one by one; there each has a copy of the map.
    - A map of another size than its image is an error; there it is resized without a word.

    Raises:
        ValueError: a map and an image of different sizes; settings outside their range.

    Example:
        >>> image = torch.tensor([0.0, 0.0, 0.0, 9.0, 9.0, 9.0]).expand(1, 3, 6, 6)  # dark beside bright
        >>> probabilities = torch.tensor([0.9, 0.9, 0.1, 0.1, 0.1, 0.1]).expand(1, 1, 6, 6)  # its edge too far left
        >>> PAMR(dilations=(1,))(probabilities, image)[0, 0, 0]
        tensor([0.7100, 0.7094, 0.7089, 0.1000, 0.1000, 0.1000])
    """

    def __init__(
        self, dilations: Sequence[int] = (1, 2, 4, 8, 12, 24), steps: int = 10, temperature: float = 0.1
    ) -> None:
        super().__init__()
        if not dilations or min(dilations) < 1 or steps < 0 or temperature <= 0:
            raise ValueError(
                "expected one or more dilations ≥ 1, steps ≥ 0 and temperature > 0, found "
                f"{tuple(dilations)}, {steps} and {temperature}"
            )
        self.dilations = tuple(dilations)
        self.steps = steps
        self.temperature = temperature

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
        total, squares = torch.zeros_like(image), torch.zeros_like(image)
        for neighbor in neighbors(image, self.dilations):
            difference = neighbor - image
            total += difference
            squares += difference.square()
        count = 9 * len(self.dilations)
        # Differences to the pixel itself, which is a ninth of the samples: total² / count is at most 8/9 of squares,
        # so nothing cancels, and the root is that of a number ≥ 0.
        scale = 1e-8 + self.temperature * ((squares - total.square() / count) / (count - 1)).sqrt()
        batch, _, height, width = image.shape
        alike = image.new_empty(batch, 8 * len(self.dilations), height, width)
        for place, neighbor in enumerate(neighbors(image, self.dilations)):
            alike[:, place] = -((neighbor - image).abs() / scale).mean(1)
        return alike.softmax(1)

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
