"""Maps read at points, and pixels drawn by their number among those that count.

A point is (x, y) in shares of the image's width and height. 0 and 1 are its edges; pixel i of W has its center at
(i + 0.5) / W. So a point means the same place in maps of any resolution (``align_corners=False``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from hardpix.pixels.percent import percent
from hardpix.pixels.precision import at_least_float32


def read_bilinear(maps: Tensor, points: Tensor, where: Tensor | None = None) -> Tensor:
    """Bilinear reading of maps at points.

    Beyond the outermost pixel centers the map goes on as it is there, so that a constant map is this constant
    everywhere. (Zeros around it, the default of ``grid_sample``, would leave a quarter of it in a corner.)

    Args:
        maps: (B, C, h, w).
        points: (B, N, 2), x and y from 0 to 1.
        where: (B, h, w) boolean: pixels that are read. Of the four around a point the others are left out, whatever
            they hold, and the rest is weighed up to 1; where none is left, all are read.

    Returns:
        (B, C, N) float32 (float64 stays), on the graph of the maps; the points are constants.

    Example:
        >>> maps, points = torch.tensor([[[[0.0, 4.0]]]]), torch.tensor([[[0.25, 0.5], [0.5, 0.5], [1.0, 0.0]]])
        >>> read_bilinear(maps, points)
        tensor([[[0., 2., 4.]]])
        >>> read_bilinear(maps, points, where=maps[:, 0] > 0)[..., 1]
        tensor([[4.]])
    """
    images, channels, height, width = maps.shape
    index, weight = corners(points, (height, width))
    if where is not None:
        weight = reweighed(weight, where.flatten(1).gather(1, index.flatten(1)).view(weight.shape))
    values = maps.flatten(2).gather(2, index.flatten(1)[:, None].expand(-1, channels, -1))
    values = at_least_float32(values.view(images, channels, *weight.shape[1:]))
    weight = weight[:, None].to(values.dtype)
    # A pixel of weight 0 may be infinite or NaN.
    return (torch.where(weight > 0, values, 0) * weight).sum(-1)


def corners(points: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """The four pixels around points (M, N, 2): their index, row by row, and bilinear weight, (M, N, 4) each.

    Example:
        >>> corners(torch.tensor([[[0.5, 1.0]]]), (2, 2))
        (tensor([[[2, 3, 2, 3]]]), tensor([[[0.5000, 0.5000, 0.0000, 0.0000]]]))
    """
    height, width = size
    columns, across = _neighbors(points[..., 0], width)
    rows, down = _neighbors(points[..., 1], height)
    index = rows[..., :, None] * width + columns[..., None, :]
    return index.flatten(2), (down[..., :, None] * across[..., None, :]).flatten(2)


def reweighed(weight: Tensor, counted: Tensor) -> Tensor:
    """Weights (…, 4) of the corners that count, their sum 1; all as they are where none counts.

    Example:
        >>> weight = torch.tensor([0.2, 0.3, 0.5, 0.0])
        >>> reweighed(weight, torch.tensor([True, True, False, True]))
        tensor([0.4000, 0.6000, 0.0000, 0.0000])
    """
    read = weight * counted
    total = read.sum(-1, keepdim=True)
    return torch.where(total > 0, read / torch.where(total > 0, total, 1), weight)


def read_nearest(maps: Tensor, points: Tensor) -> Tensor:
    """Values of maps (B, h, w) of any type at the pixels that hold the points (B, N, 2): (B, N).

    Example:
        >>> read_nearest(torch.tensor([[[3, 255]]]), torch.tensor([[[0.49, 0.0], [0.51, 0.0], [1.0, 1.0]]]))
        tensor([[  3, 255, 255]])
    """
    height, width = maps.shape[1:]
    return maps.flatten(1).gather(1, _pixel(points[..., 1], height) * width + _pixel(points[..., 0], width))


def read_sample(sample: Mapping[str, Any], points: Tensor) -> dict[str, Any]:
    """Entries of a batch at points: (B, D, h, w) as (B, D, 1, N), (B, h, w) as (B, 1, N), others as they are.

    "image" is read bilinearly. Everything else belongs to a pixel, as labels do: a depth of NaN stays at its own.

    Example:
        >>> sample = {"depth": torch.tensor([[[2.0, torch.nan]]]), "stem": ["a"]}
        >>> read_sample(sample, torch.tensor([[[0.4, 0.5]]]))
        {'depth': tensor([[[2.]]]), 'stem': ['a']}
    """
    return {name: _entry(name, value, points) for name, value in sample.items()}


def _entry(name: str, value: Any, points: Tensor) -> Any:
    if not isinstance(value, Tensor) or value.ndim not in (3, 4) or len(value) != len(points):
        return value
    if value.ndim == 3:
        return read_nearest(value, points)[:, None]
    if name == "image":
        return read_bilinear(value, points)[:, :, None]
    channels = value.shape[1]
    read = read_nearest(value.flatten(0, 1), points.repeat_interleave(channels, 0))
    return read.unflatten(0, (len(value), channels))[:, :, None]


def require_points(points: Tensor, images: int) -> None:
    """Refuse what are no points of a batch of images.

    Raises:
        ValueError: another shape than (B, N, 2) with N ≥ 1, whole numbers, or coordinates outside of 0…1.

    Example:
        >>> require_points(torch.tensor([[[120.0, 31.0]]]), images=1)
        Traceback (most recent call last):
        ...
        ValueError: expected points (x, y) from 0 to 1, shares of width and height, found 31 to 120 (100 % of the \
numbers are outside); divide pixel coordinates: (column + 0.5) / width, (row + 0.5) / height
    """
    if points.ndim != 3 or points.shape[-1] != 2 or len(points) != images or points.shape[1] == 0:
        raise ValueError(f"expected points of shape ({images}, N, 2), N ≥ 1, found {tuple(points.shape)}")
    if not points.is_floating_point():
        raise ValueError(f"expected points as floating-point shares from 0 to 1, found {points.dtype}")
    outside = ~((points >= 0) & (points <= 1))
    if bool(outside.any()):
        low, high = points.min().item(), points.max().item()
        raise ValueError(
            f"expected points (x, y) from 0 to 1, shares of width and height, found {low:g} to {high:g} "
            f"({percent(outside.double().mean().item())} of the numbers are outside); divide pixel coordinates: "
            "(column + 0.5) / width, (row + 0.5) / height"
        )


def pixel_centers(index: Tensor, size: tuple[int, int]) -> Tensor:
    """Points (…, 2) at the centers of pixels, by their index (…) row by row in maps of a size (H, W).

    Example:
        >>> pixel_centers(torch.tensor([0, 5]), (2, 4))
        tensor([[0.1250, 0.2500],
                [0.3750, 0.7500]])
    """
    height, width = size
    return torch.stack([(index % width + 0.5) / width, (index // width + 0.5) / height], -1)


class CountedPixels:
    """Pixels of each image where something counts, each found by its number.

    Args:
        where: (B, H, W) boolean.

    Attributes:
        number: (B,) how many there are in each image.

    Example:
        >>> pixels = CountedPixels(torch.tensor([[[False, True], [True, False]]]))
        >>> pixels.number, pixels.at(torch.tensor([[0, 1]]))
        (tensor([2]), tensor([[1, 2]]))
    """

    def __init__(self, where: Tensor) -> None:
        self._upto = where.flatten(1).cumsum(1)
        self.number = self._upto[:, -1]

    def at(self, rank: Tensor) -> Tensor:
        """Index (B, M), row by row, of the pixels with the numbers (B, M) from 0; beyond the last one any pixel."""
        return torch.searchsorted(self._upto, rank + 1).clamp(max=self._upto.shape[1] - 1)

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Index (B, count) of pixels that are drawn independently, all with the same probability."""
        device = self.number.device
        # 2⁵³ possible numbers: among 10⁸ pixels none is favored by more than 10⁻⁷.
        drawn = torch.randint(1 << 53, (len(self.number), count), generator=generator, device=device)
        return self.at(drawn % self.number.clamp(min=1)[:, None])


def _pixel(share: Tensor, size: int) -> Tensor:
    return (at_least_float32(share) * size).floor().clamp(0, size - 1).long()


def _neighbors(share: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """The two pixels along one axis between whose centers each point lies, and their weights: (B, N, 2) each."""
    share = at_least_float32(share)
    place = share * size - 0.5
    center = place.round()
    # A center is not exactly (i + 0.5) / size in floating point: within its rounding the neighbor has no part.
    place = torch.where((place - center).abs() <= 4 * torch.finfo(share.dtype).eps * size, center, place)
    place = place.clamp(0, size - 1)
    first = place.floor()
    second = place - first
    return (
        torch.stack([first, (first + 1).clamp(max=size - 1)], -1).long(),
        torch.stack([1 - second, second], -1),
    )
