"""The contract of refiners."""

from __future__ import annotations

from torch import Tensor

from hardpix.pixels import Prepared


class Refiner(Prepared):
    """Corrects a map by the image it belongs to: probabilities (B, C, H, W), image (B, 3, H, W) → (B, C, H, W).

    Probabilities that sum to 1 over the classes do so afterwards. Numbers that are not finite are passed on or refused,
    and never become finite ones. A refiner of your own needs ``forward``.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> class LocalMean(Refiner):
        ...     def forward(self, probabilities, image):
        ...         return nn.functional.avg_pool2d(probabilities, 3, 1, padding=1, count_include_pad=False)
        >>> probabilities = torch.tensor([[[[0.0, 1.0, 0.5]]]])
        >>> LocalMean()(probabilities, torch.zeros(1, 3, 1, 3))
        tensor([[[[0.5000, 0.5000, 0.7500]]]])
    """

    @property
    def reach(self) -> int | None:
        """Pixels on each side that the result at a pixel may depend on; None for the whole image."""
        return None

    def forward(self, probabilities: Tensor, image: Tensor) -> Tensor:
        """The corrected map, float32 or float64."""
        raise NotImplementedError(
            f"{type(self).__name__} must compute the corrected map in forward(probabilities, image)"
        )


def require_one_size(probabilities: Tensor, image: Tensor) -> None:
    """Refuse a map that does not lie on its image.

    Raises:
        ValueError: other shapes than (B, C, H, W) and (B, channels, H, W).
    """
    maps, pixels = tuple(probabilities.shape), tuple(image.shape)
    if len(maps) != 4 or len(pixels) != 4 or maps[0] != pixels[0] or maps[2:] != pixels[2:]:
        raise ValueError(
            f"expected probabilities (B, C, H, W) and an image (B, 3, H, W) of the same B, H and W, found {maps} and "
            f"{pixels}; bring one to the size of the other, such as by hardpix.pixels.resize_bilinear"
        )
