"""Strong color augmentation of semi-supervised learning: jitter, gray, blur, with UniMatch's settings."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as F

from hardpix.data.batch_transforms.base import Batch
from hardpix.data.batch_transforms.padding import is_padding
from hardpix.data.batch_transforms.pasting import per_pixel_entries
from hardpix.data.batch_transforms.seeded import SeededTransform
from hardpix.data.transforms import IMAGENET_MEAN, IMAGENET_STD, Numbers


class StrongColor(SeededTransform):
    """Color jitter, then grayscale, then Gaussian blur, each drawn for each image; only `image` changes.

    Jitter changes brightness, contrast, saturation and hue in random order, as torchvision's `ColorJitter`. Images come
    and go normalized. Padding in the mean color stays what it is, see `is_padding`. An image that draws none of the
    three comes out bit for bit.

    Args:
        jitter, grayscale, blur: share of the images that each is done to.
        brightness, contrast, saturation, hue: range of the jitter, as torchvision's `ColorJitter` has it.
        sigma: smallest and largest standard deviation of the blur, in pixels.
        mean, std: normalization of the images, by default ImageNet's.
        seed: of the draws, see `SeededTransform`.

    Raises:
        ValueError: settings outside their range; images of whole numbers, or (looked at in the first call) with colors
            far outside 0…1 once `mean` and `std` are undone.

    Example:
        >>> batch = {"image": torch.randn(2, 3, 8, 8).clamp(-1.5, 1.5), "target": torch.zeros(2, 8, 8)}
        >>> seen = StrongColor(grayscale=1, blur=0)(batch)
        >>> seen["image"].shape, seen["target"] is batch["target"]
        (torch.Size([2, 3, 8, 8]), True)
    """

    def __init__(
        self,
        jitter: float = 0.8,
        grayscale: float = 0.2,
        blur: float = 0.5,
        *,
        brightness: float = 0.5,
        contrast: float = 0.5,
        saturation: float = 0.5,
        hue: float = 0.25,
        sigma: tuple[float, float] = (0.1, 2.0),
        mean: Numbers = IMAGENET_MEAN,
        std: Numbers = IMAGENET_STD,
        seed: int = 0,
    ) -> None:
        super().__init__(seed)
        if not all(0 <= share <= 1 for share in (jitter, grayscale, blur)):
            raise ValueError(f"expected jitter, grayscale and blur in 0…1, found {jitter}, {grayscale} and {blur}")
        if min(brightness, contrast, saturation) < 0 or not 0 <= hue <= 0.5 or not 0 < sigma[0] <= sigma[1]:
            raise ValueError(
                "expected brightness, contrast and saturation ≥ 0, 0 ≤ hue ≤ 0.5 and 0 < sigma[0] ≤ sigma[1], found "
                f"{brightness}, {contrast}, {saturation}, {hue} and {tuple(sigma)}"
            )
        self.shares = (jitter, grayscale, blur)
        self.strengths = (brightness, contrast, saturation, hue)
        self.sigma = sigma
        self.mean, self.std = mean, std
        self._looked_at = False

    def transform(self, batch: Batch, partner: Batch | None, generator: torch.Generator) -> Batch:
        image = per_pixel_entries(batch)["image"]
        self._require_normalized(image)
        draws = torch.rand(len(image), 12, generator=generator, dtype=torch.float64).tolist()
        return batch | {"image": torch.stack([self._change(*both) for both in zip(image, draws, strict=True)])}

    def _change(self, image: Tensor, draws: list[float]) -> Tensor:
        jittered, gray, blurred = (draw < share for draw, share in zip(draws[:3], self.shares, strict=True))
        if not (jittered or gray or blurred):
            return image
        mean, std = self._normalization(image)
        colors = image.float() * std + mean
        padding, padding_color = is_padding(colors, self.mean), colors
        colors = colors.clamp(0, 1)
        if jittered:
            colors = self._jitter(colors, draws[4:8], draws[8:12])
        if gray:
            colors = F.rgb_to_grayscale(colors, 3)
        if blurred:
            # Padding in its own color: what the blur brings of it into the image is what resizing would.
            sigma = self.sigma[0] + (self.sigma[1] - self.sigma[0]) * draws[3]
            colors = _blur(torch.where(padding, padding_color, colors), sigma)
        return torch.where(padding, image, ((colors - mean) / std).to(image.dtype))

    def _normalization(self, image: Tensor) -> tuple[Tensor, Tensor]:
        mean, std = (torch.tensor(values, device=image.device)[:, None, None] for values in (self.mean, self.std))
        return mean, std

    def _require_normalized(self, image: Tensor) -> None:
        if not image.is_floating_point():
            raise ValueError(f"expected normalized images, found {image.dtype}; put hardpix.data's transforms before")
        if self._looked_at:  # a look at the values makes the host wait for a GPU
            return
        mean, std = self._normalization(image)
        low, high = (value.item() for value in (image.float() * std + mean).aminmax())
        if low < -0.5 or high > 1.5:
            raise ValueError(
                f"expected images that were normalized by mean {self.mean} and std {self.std}, found colors from "
                f"{low:.3g} to {high:.3g} instead of 0 to 1; give StrongColor the mean and std of your images"
            )
        self._looked_at = True

    def _jitter(self, colors: Tensor, draws: list[float], order: list[float]) -> Tensor:
        for place in sorted(range(4), key=order.__getitem__):
            strength = self.strengths[place]
            # Factors around 1, as far down as 0; the hue is turned by a part of the circle.
            low, high, change = (
                (-strength, strength, F.adjust_hue)
                if place == 3
                else (max(0, 1 - strength), 1 + strength, CHANGES[place])
            )
            colors = change(colors, low + (high - low) * draws[place])
        return colors


CHANGES: tuple[Callable[[Tensor, float], Tensor], ...] = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation)


def _blur(colors: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of (3, H, W); the kernel ends at 3σ, and before the image does."""
    height, width = colors.shape[-2:]
    kernel = [2 * min(math.ceil(3 * sigma), side - 1) + 1 for side in (width, height)]
    return F.gaussian_blur(colors, kernel, [sigma, sigma])
