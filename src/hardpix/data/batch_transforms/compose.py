"""Batch transforms one after another."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from hardpix.data.batch_transforms.base import Batch, BatchTransform


class Compose(nn.Module):
    """Batch transforms one after another, each with the same partner.

    Args:
        transforms: modules, whose state becomes part of this one's, or plain functions.

    Example:
        >>> import torch
        >>> double = lambda batch, partner: batch | {"image": 2 * batch["image"]}
        >>> Compose([double, double])({"image": torch.ones(1)})["image"]
        tensor([4.])
    """

    def __init__(self, transforms: Sequence[BatchTransform]) -> None:
        super().__init__()
        self.transforms = tuple(transforms)
        for place, transform in enumerate(self.transforms):
            if isinstance(transform, nn.Module):
                self.add_module(str(place), transform)

    def forward(self, batch: Batch, partner: Batch | None = None) -> Batch:
        for transform in self.transforms:
            batch = transform(batch, partner)
        return batch
