"""From an embedding of a network to one for comparing pixels."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hardpix.networks.batch_norm import BatchNorm
from hardpix.pixels.precision import at_least_float32


class ProjectionHead(nn.Module):
    """1×1 convolution, norm, ReLU, 1×1 convolution, unit length.

    Args:
        in_channels: D of the embedding.
        out_channels: of the result.

    Example:
        >>> projected = ProjectionHead(16, 4)(torch.rand(2, 16, 5, 6))
        >>> projected.shape, torch.allclose(projected.norm(dim=1), torch.ones(2, 5, 6))
        (torch.Size([2, 4, 5, 6]), True)
    """

    def __init__(self, in_channels: int, out_channels: int = 256) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, in_channels, 1, bias=False),
            BatchNorm(in_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(in_channels, out_channels, 1),
        )

    def forward(self, embedding: Tensor) -> Tensor:
        """(B, D, h, w) to (B, out_channels, h, w) float32 of unit length over the channels, which lie together."""
        # Channels last: contrast gathers whole pixel vectors, several times faster when contiguous.
        embedding = embedding.contiguous(memory_format=torch.channels_last)
        return F.normalize(at_least_float32(self.layers(embedding)), dim=1)
