"""Borders moved into their classes by learned offsets (SegFix, Yuan et al., ECCV 2020, arXiv 2007.04269)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hardpix.pixels import resize_bilinear
from hardpix.pixels.directions import STEPS
from hardpix.pixels.precision import at_least_float32
from hardpix.refiners.base import Refiner, require_one_size


class SegFix(Refiner):
    """Pixels near a border take what is said of a pixel further inside, to which a network points.

    The network sees the image alone, and serves the maps of any other one. Where it says border, the result at p is the
    map at p + scale · step, step being the most likely of eight; elsewhere nothing changes.

    Args:
        network: module of images (B, 3, H, W) that gives logits (B, 10, h, w): no border and border, then the eight
            steps of `hardpix.pixels.directions.STEPS`, trained on `hardpix.pixels.directions.border_directions`.
        scale: length of a step in pixels.
        threshold: least probability of a border.

    Gradients reach the probabilities alone. [ours], where the authors' code does otherwise:

    - The probability of a border is compared with the threshold; there the logit.
    - Maps are read at whole pixels; there class numbers are interpolated and rounded, so that between the classes 0 and
      10 a class 6 appears.
    - A zero offset changes nothing; there the grid is off by half a pixel.

    Raises:
        ValueError: a map and an image of different sizes; another output of the network; settings outside their range.

    Example:
        >>> class Left(nn.Module):
        ...     def forward(self, image):
        ...         return torch.tensor([0.0, 9, 9, 0, 0, 0, 0, 0, 0, 0]).view(1, 10, 1, 1).expand(-1, -1, 1, 6)
        >>> SegFix(Left())(torch.arange(6.0).view(1, 1, 1, 6), torch.zeros(1, 3, 1, 6)).flatten()
        tensor([0., 0., 0., 1., 2., 3.])
    """

    def __init__(self, network: nn.Module, scale: int = 2, threshold: float = 0.5) -> None:
        super().__init__()
        if scale < 0 or not 0 <= threshold <= 1:
            raise ValueError(f"expected scale ≥ 0 and a threshold from 0 to 1, found {scale} and {threshold}")
        self.network = network
        self.scale = scale
        self.threshold = threshold

    def forward(self, probabilities: Tensor, image: Tensor) -> Tensor:
        require_one_size(probabilities, image)
        maps = at_least_float32(probabilities)
        with torch.no_grad():
            logits = self.network(image)
            if not isinstance(logits, Tensor) or logits.ndim != 4 or logits.shape[1] != 2 + len(STEPS):
                shape = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
                raise ValueError(
                    f"expected logits (B, {2 + len(STEPS)}, h, w) of {type(self.network).__name__}, two of a border "
                    f"and eight of directions, found {shape}"
                )
            logits = resize_bilinear(at_least_float32(logits), maps.shape[2:])
            band = logits[:, :2].softmax(1)[:, 1] > self.threshold
            offsets = step_offsets(logits[:, 2:].argmax(1), band, self.scale)
        return moved(maps, offsets)


def step_offsets(direction: Tensor, band: Tensor, scale: int) -> Tensor:
    """Offsets (B, 2, H, W) in rows and columns: a step of each pixel's direction in the band, 0 elsewhere.

    Args:
        direction: (B, H, W) places in `STEPS`; anything else stands for no direction.
        band: (B, H, W) boolean.
        scale: length of a step.

    Example:
        >>> step_offsets(torch.tensor([[[2, 4, 4]]]), torch.tensor([[[True, True, False]]]), 2)[0, :, 0].tolist()
        [[-2, 0, 0], [0, 2, 0]]
    """
    steps = torch.tensor([*STEPS, (0, 0)], device=direction.device)
    known = band & (direction >= 0) & (direction < len(STEPS))
    return scale * steps[torch.where(known, direction.long(), len(STEPS))].movedim(-1, 1)


def moved(maps: Tensor, offsets: Tensor) -> Tensor:
    """Maps (B, C, H, W) read at p + offset(p), or at the frame where that lies outside.

    Args:
        maps: of any type.
        offsets: (B, 2, H, W) whole rows and columns.

    Example:
        >>> moved(torch.arange(3.0).view(1, 1, 1, 3), torch.ones(1, 2, 1, 3, dtype=torch.long)).flatten()
        tensor([1., 2., 2.])
    """
    height, width = maps.shape[2:]
    rows = (torch.arange(height, device=maps.device)[:, None] + offsets[:, 0]).clamp(0, height - 1)
    columns = (torch.arange(width, device=maps.device) + offsets[:, 1]).clamp(0, width - 1)
    places = (rows * width + columns).flatten(1)[:, None].expand(-1, maps.shape[1], -1)
    return maps.flatten(2).gather(2, places).view(maps.shape)
