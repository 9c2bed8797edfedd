"""Depthwise convolutions that mixed precision leaves out on a CPU, where 16 bits make them slow."""

from __future__ import annotations

import torch
from timm.layers import Conv2dSame
from torch import Tensor, nn


class _In32Bits(nn.Module):
    def forward(self, features: Tensor) -> Tensor:
        if features.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
            return super().forward(features)
        with torch.autocast("cpu", enabled=False):
            return super().forward(features.float()).to(torch.get_autocast_dtype("cpu"))


class DepthwiseConv2d(_In32Bits, nn.Conv2d):
    """A convolution that is computed in 32 bits under mixed precision on a CPU."""


class DepthwiseConv2dSame(_In32Bits, Conv2dSame):
    """The same for a convolution that pads as TensorFlow does."""


def depthwise_in_32_bits(network: nn.Module) -> None:
    """Let mixed precision leave out the network's depthwise convolutions on a CPU; names and weights stay as they are.

    In bfloat16 their backward pass takes many times as long as in float32 (torch 2.15), which is a third of a training
    step of a network of the MobileNet kind.

    Example:
        >>> network = nn.Sequential(nn.Conv2d(4, 4, 3, groups=4), nn.Conv2d(4, 2, 1))
        >>> depthwise_in_32_bits(network)
        >>> [type(module).__name__ for module in network]
        ['DepthwiseConv2d', 'Conv2d']
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1:
            if type(module) is nn.Conv2d:
                module.__class__ = DepthwiseConv2d
            elif type(module) is Conv2dSame:
                module.__class__ = DepthwiseConv2dSame
