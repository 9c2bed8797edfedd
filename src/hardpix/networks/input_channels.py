"""Channels of the images that a network takes."""

from __future__ import annotations

import inspect
from copy import deepcopy
from math import ceil

from torch import nn

# As segmentation-models-pytorch and hardpix call it, timm, transformers, and older U-Nets.
PARAMETERS = ("in_channels", "in_chans", "num_channels", "n_channels", "input_channels", "in_dim")


def with_input_channels(network: nn.Module, channels: int) -> nn.Module:
    """A copy of a network for RGB whose first convolution takes images of another number of channels.

    Pretrained weights are kept as timm keeps them (Wightman, "PyTorch Image Models"). One channel gets the sum of those
    for red, green and blue. Others get these three in turn, times 3 / channels, so that the sums stay of their size.

    Args:
        network: whose first convolution takes 3 channels.
        channels: of the images.

    Raises:
        ValueError: there is no such convolution.

    Example:
        >>> import torch
        >>> network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())
        >>> with_input_channels(network, 4)(torch.rand(1, 4, 9, 9)).shape
        torch.Size([1, 8, 7, 7])
    """
    changed = deepcopy(network)
    path = first_convolution(changed)
    if path is None or changed.get_submodule(path).in_channels != 3:
        raise ValueError(
            f"expected a network whose first convolution takes 3 channels, found {type(network).__name__} with "
            f"{'none' if path is None else changed.get_submodule(path)}"
        )
    convolution = changed.get_submodule(path)
    assert isinstance(convolution, nn.Conv2d)
    weight = convolution.weight.detach()
    if channels == 1:
        adapted = weight.sum(1, keepdim=True)
    else:
        adapted = weight.repeat(1, ceil(channels / 3), 1, 1)[:, :channels] * (3 / channels)
    convolution.weight = nn.Parameter(adapted.contiguous(), requires_grad=convolution.weight.requires_grad)
    convolution.in_channels = channels
    return changed


def first_convolution(network: nn.Module) -> str | None:
    """The path of the first convolution that sees all channels, in the order in which modules are registered."""
    for path, module in network.named_modules():
        if isinstance(module, nn.Conv2d) and module.groups == 1:
            return path
    return None


def channels_advice(network: nn.Module, channels: int) -> str | None:
    """A sentence where a network takes another number of channels than the images have; None where it does not."""
    path = first_convolution(network)
    if path is None or network.get_submodule(path).in_channels == channels:
        return None
    takes, name = network.get_submodule(path).in_channels, type(network).__name__
    parameter = next((known for known in PARAMETERS if known in inspect.signature(type(network)).parameters), None)
    if parameter is None:
        how = (
            f"it has no parameter for them: build it in a function or class of your own by "
            f"hardpix.networks.with_input_channels(network, {channels}), or name {takes} bands by --data.bands"
        )
    else:
        how = (
            f"set its {parameter} to {channels} (--model.network.{parameter} {channels}), or name {takes} bands by "
            "--data.bands"
        )
    return f"expected a network for images of {channels} channels, found {name}, which takes {takes}; {how}"
