"""Scores of the groups of a class tree, beside those of the classes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hardpix.pixels import at_least_float32, group_sums


class GroupScores(nn.Module):
    """A 1×1 convolution on the embedding, of one channel for each class and level.

    Which groups there are comes with the data set, after the optimizer has its parameters. A group's raw score is
    therefore the sum over its classes' channels, divided by the root of their number. This has the start and the steps
    of gradient descent of one channel of the group's own.

    Args:
        in_channels: of the embedding.
        num_classes: C.
        levels: L.

    Example:
        >>> scores = GroupScores(4, num_classes=3, levels=1)
        >>> [each.shape for each in scores(torch.rand(1, 4, 2, 2), torch.tensor([[0, 0, 1]]))]
        [torch.Size([1, 2, 2, 2])]
    """

    def __init__(self, in_channels: int, num_classes: int, levels: int) -> None:
        super().__init__()
        self.levels = levels
        self.layer = nn.Conv2d(in_channels, levels * num_classes, 1)

    def forward(self, embedding: Tensor, groups: Tensor) -> list[Tensor]:
        """Raw scores (B, P, h, w) of each level's groups, float32.

        Args:
            embedding: (B, D, h, w).
            groups: (L, C) number of each class's group at each level.
        """
        found = at_least_float32(self.layer(embedding))
        with torch.autocast(found.device.type, enabled=False):
            # A network of one channel counts as one of two classes; batches from elsewhere may have a single one.
            channels = found.unflatten(1, (self.levels, -1))[:, :, : groups.shape[1]]
            return [
                group_sums(channels[:, number], level) / level.bincount().to(found.dtype).sqrt()[:, None, None]
                for number, level in enumerate(groups)
            ]
