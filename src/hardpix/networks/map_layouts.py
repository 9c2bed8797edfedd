"""Layouts of the maps that networks return, brought to one: (B, C, h, w)."""

import torch
from torch import Tensor


def as_map(value: object, image_shape: torch.Size) -> Tensor | None:
    """The value as a map (B, C, h, w), or None where it is no floating-point map of these images.

    Channels last, (B, h, w, C), is recognized where only that reading has the image's proportions. A map (B, H, W) of
    the image's size is the single channel of a binary network.

    Args:
        value: anything that a network returned.
        image_shape: (B, channels, H, W) of the images that it was given.

    Example:
        >>> as_map(torch.zeros(2, 32, 64, 5), torch.Size([2, 3, 64, 128])).shape
        torch.Size([2, 5, 32, 64])
        >>> as_map(torch.zeros(2, 64, 128), torch.Size([2, 3, 64, 128])).shape
        torch.Size([2, 1, 64, 128])
        >>> as_map(torch.zeros(2, 5), torch.Size([2, 3, 64, 128])) is None
        True
    """
    if not isinstance(value, Tensor) or not value.is_floating_point() or value.shape[:1] != image_shape[:1]:
        return None
    size = image_shape[-2:]
    if value.ndim == 3 and value.shape[1:] == size:
        return value.unsqueeze(1)
    if value.ndim != 4:
        return None
    if not _fits(value.shape[2:], size) and _fits(value.shape[1:3], size):
        return value.permute(0, 3, 1, 2)
    return value


def two_classes(logits: Tensor) -> Tensor:
    """Logits (0, z) of background and foreground from a single channel z; other logits as they are.

    The softmax of (0, z) is the sigmoid of z, and its cross-entropy the binary cross-entropy.

    Example:
        >>> z = torch.tensor([[[[2.0]]]])
        >>> torch.equal(two_classes(z).softmax(1)[:, 1:], z.sigmoid())
        True
    """
    return torch.cat([torch.zeros_like(logits), logits], 1) if logits.shape[1] == 1 else logits


def _fits(size: torch.Size, image_size: torch.Size) -> bool:
    """True for the image's proportions, up to padding and rounding: within a factor of 2."""
    (height, width), (image_height, image_width) = size, image_size
    return height * image_width <= 2 * width * image_height and width * image_height <= 2 * height * image_width
