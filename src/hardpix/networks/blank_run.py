"""A network run once on nothing, to see the shapes of what it makes."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from hardpix.networks.tapped_network import TapOutput, TappedNetwork

# Multiples of 64, what transformers were made for, and what their patches of 14 pixels divide.
_SIDES = (64, 128, 224, 256, 384, 448, 512, 518, 640, 768, 1024)


def blank_run(network: TappedNetwork, image_size: tuple[int, int] | None = None) -> TapOutput:
    """Output of a tapped network for one blank image, in evaluation and without a gradient.

    Modes and buffers stay as they were.

    Args:
        network: what :func:`hardpix.tap` returned.
        image_size: height and width of the image; without it the smallest of some usual squares that the model takes.

    Raises:
        ValueError: the model takes no blank image.
        RuntimeError, TypeError: as a forward of the network.

    Example:
        >>> from hardpix import tap
        >>> model = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.Sequential(nn.ReLU(), nn.Conv2d(8, 5, 1)))
        >>> blank_run(tap(model, stages=["0"])).taps.stages["0"].shape
        torch.Size([1, 8, 31, 31])
    """
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        with torch.no_grad():
            # The model alone first: what it refuses is a matter of the image, what the tap finds fault with is not.
            return _run(network, _accepted_image(network.model, image_size))
    finally:
        for module, mode in modes.items():
            module.training = mode


def _accepted_image(model: nn.Module, image_size: tuple[int, int] | None) -> Tensor:
    refusal: Exception | None = None
    for image in _images(model, image_size):
        try:
            _run(model, image)
        except Exception as error:
            refusal = error
        else:
            return image
    sizes = "×".join(map(str, image_size)) if image_size else f"squares from {_SIDES[0]} to {_SIDES[-1]} pixels"
    raise ValueError(
        f"{type(model).__name__} took no blank image ({sizes}), which would have shown the shapes of what it makes: "
        f"{refusal}. Give image_size=(height, width) that it takes"
    ) from refusal


def _images(model: nn.Module, image_size: tuple[int, int] | None) -> Iterator[Tensor]:
    like = next((p for p in model.parameters() if p.is_floating_point()), torch.empty(0))
    first = next((module.in_channels for module in model.modules() if isinstance(module, nn.Conv2d)), 3)
    for size in [image_size] if image_size else [(side, side) for side in _SIDES]:
        for channels in dict.fromkeys((3, first)):
            yield like.new_zeros(1, channels, *size)


def _run(module: nn.Module, image: Tensor) -> Any:
    """The module with copies of its buffers, which a forward may change even in evaluation."""
    return functional_call(module, {name: buffer.clone() for name, buffer in module.named_buffers()}, (image,))
