"""Views of an image: other sizes of it, and its mirror image."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from hardpix.pixels import resize_bilinear


def require_views(scales: Sequence[float], divisor: int = 1) -> None:
    """Refuse scales at which an image cannot be looked at.

    Example:
        >>> require_views([])
        Traceback (most recent call last):
        ValueError: expected one or more scales above 0 that differ, found []
    """
    if not scales or min(scales) <= 0 or len(set(scales)) < len(scales):
        raise ValueError(f"expected one or more scales above 0 that differ, found {list(scales)}")
    if divisor < 1:
        raise ValueError(f"expected divisor ≥ 1, found {divisor}")


def scaled(image: Tensor, scale: float, divisor: int = 32) -> Tensor:
    """The image (B, 3, H, W) at another size, rounded to multiples of `divisor`, which U-Nets need; itself at scale 1.

    Example:
        >>> import torch
        >>> scaled(torch.zeros(1, 3, 64, 96), 0.75).shape
        torch.Size([1, 3, 64, 64])
    """
    if scale == 1:
        return image
    return resize_bilinear(image, [max(1, round(scale * each / divisor)) * divisor for each in image.shape[-2:]])


def views_of(
    predict: Callable[[Tensor], Tensor], image: Tensor, scales: Sequence[float], flip: bool = False, divisor: int = 32
) -> list[Tensor]:
    """Logits of each view of an image, brought back to where its pixels are: each scale, and its mirror image.

    Args:
        predict: makes logits (B, C, h, w) of an image.
        image: (B, 3, H, W).
        scales: of the image.
        flip: each scale is seen mirrored, too.
        divisor: sizes other than the image's own are rounded to multiples of it.

    Returns:
        (B, C, H, W) each.

    Example:
        >>> import torch
        >>> image = torch.arange(4.0).view(1, 1, 1, 4)
        >>> [view.flatten().tolist() for view in views_of(lambda seen: seen.cumsum(3), image, [1.0], flip=True)]
        [[0.0, 1.0, 3.0, 6.0], [6.0, 6.0, 5.0, 3.0]]
    """
    size, found = image.shape[-2:], []
    for scale in scales:
        seen = scaled(image, scale, divisor)
        found.append(resize_bilinear(predict(seen), size))
        if flip:
            found.append(resize_bilinear(predict(seen.flip(-1)).flip(-1), size))
    return found
