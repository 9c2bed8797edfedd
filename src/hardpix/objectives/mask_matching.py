"""Masks of classes at points, and which query is to learn which of them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from hardpix.pixels import CountedPixels, PixelBatch
from hardpix.pixels.points import corners, reweighed


class ClassMasks:
    """One binary mask for each class of each image, read at points of the pixels that count.

    Args:
        px: a batch with labels.
        trust: (B, H, W) share by which each label is trusted; pixels of 0 belong to no mask, and to no background.

    Attributes:
        present: (B, C) boolean: classes with a pixel.
        pixels: those that count.
    """

    def __init__(self, px: PixelBatch, trust: Tensor) -> None:
        images, classes = px.logits.shape[:2]
        self.size = (px.shape[1], px.shape[2])
        self._labels = torch.where(trust > 0, px.labels, -1).flatten(1)
        self._trust = trust.flatten(1)
        self.pixels = CountedPixels(trust > 0)
        # One column more, for pixels that do not count.
        seen = torch.zeros(images, classes + 1, dtype=torch.bool, device=trust.device)
        self.present = seen.scatter_(1, torch.where(self._labels < 0, classes, self._labels), True)[:, :-1]

    def read(self, image: Tensor, points: Tensor, classes: Tensor) -> Tensor:
        """Share of each mask (M, N, K) at points (M, N, 2) of images (M,), for classes (M, K); bilinear."""
        index, weight = corners(points, self.size)
        found = self._labels.flatten()[image[:, None, None] * self._labels.shape[1] + index]
        weight = reweighed(weight, found >= 0)
        return torch.stack([(weight * (found == one[:, None, None])).sum(-1) for one in classes.unbind(1)], -1)

    def trust(self, image: Tensor, points: Tensor) -> Tensor:
        """Trust (M, N) in the label of the pixel around each point."""
        height, width = self.size
        column = (points[..., 0] * width).long().clamp(max=width - 1)
        row = (points[..., 1] * height).long().clamp(max=height - 1)
        return self._trust.flatten()[image[:, None] * self._trust.shape[1] + row * width + column]

    def draw(self, image: Tensor, count: int, generator: Generator) -> Tensor:
        """Points (M, count, 2), uniform over the area that counts in each of the images (M,), which ascend."""
        images = len(self.pixels.number)
        masks = image.bincount(minlength=images)
        slot = torch.arange(len(image), device=image.device) - (masks.cumsum(0) - masks)[image]
        most = int(masks.max())
        index = self.pixels.draw(most * count, generator).view(images, most, count)[image, slot]
        inside = torch.rand((*index.shape, 2), generator=generator, device=index.device)
        height, width = self.size
        place = torch.stack([index % width, index // width], -1) + inside
        return place / torch.tensor([width, height], device=index.device)


def mask_costs(masks: Tensor, shares: Tensor, trust: Tensor) -> tuple[Tensor, Tensor]:
    """Cross-entropy and Dice loss of every pair of a query's mask and a class's mask, (Q, K) each.

    Args:
        masks: (Q, N) logits at points.
        shares: (N, K) of the class's mask at each of them, 0 to 1.
        trust: (N,) ≥ 0.

    Example:
        >>> masks, shares = torch.tensor([[50.0, -50.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> entropy, dice = mask_costs(masks, shares, torch.ones(2))
        >>> entropy.round(), dice.round(decimals=4)  # the first class is met, and the second missed
        (tensor([[ 0., 50.]]), tensor([[0.0000, 0.6667]]))
    """
    total = trust.sum()
    weight = trust / torch.where(total > 0, total, 1)
    entropy = (F.softplus(-masks) * weight) @ shares + (F.softplus(masks) * weight) @ (1 - shares)
    inside = masks.sigmoid() * trust
    either = inside.sum(1)[:, None] + (trust[:, None] * shares).sum(0)
    return entropy, 1 - (2 * inside @ shares + 1) / (either + 1)


def assign(costs: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and columns of the pairs whose costs (Q, K) add up to the least: each row and column at most once.

    Costs that are not finite are paired last.

    Raises:
        ModuleNotFoundError: scipy is missing.

    Example:
        >>> [found.tolist() for found in assign(torch.tensor([[1.0, 2.0], [1.0, 9.0], [0.0, 8.0]]))]
        [[0, 2], [1, 0]]
    """
    try:
        from scipy.optimize import linear_sum_assignment
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "expected scipy, by which queries are matched to masks, found none: pip install scipy", name="scipy"
        ) from error
    largest = torch.finfo(costs.dtype).max / 1e6
    rows, columns = linear_sum_assignment(costs.nan_to_num(largest, largest, largest).cpu().numpy())
    return torch.as_tensor(rows, device=costs.device), torch.as_tensor(columns, device=costs.device)
