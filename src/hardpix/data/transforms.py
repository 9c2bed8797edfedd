"""What happens to a sample between the folder and the network, in training and in evaluation."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from .crop import RandomScaledCrop, cut_map
from .sample import Sample, map_fills

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

Triple = tuple[float, float, float]


class TrainingTransform(v2.Compose):
    """Scale jitter, random crop with a cap on one class's share, flip, photometric distortion, normalisation.

    Args:
        crop_size: height and width of what the network sees, or one number for both.
        scale: range of the scale jitter (see `RandomScaledCrop`).
        max_class_share: cap on the largest class's share of the crop's labelled pixels; 1 for none.
        flip: chance of a horizontal flip.
        brightness, contrast, saturation, hue: range of each photometric distortion (see torchvision's `ColorJitter`),
            each applied to half of the images; 0 switches it off.
        mean, std: normalisation of the image in 0…1, by default ImageNet's.
        ignore_index: unlabelled pixels of the target.

    It takes and gives a sample as `SegmentationFolder` makes it; `image` comes out as float32.
    """

    def __init__(
        self,
        crop_size: int | tuple[int, int],
        *,
        scale: tuple[float, float] = (0.5, 2.0),
        max_class_share: float = 0.75,
        flip: float = 0.5,
        brightness: float = 0.125,
        contrast: float = 0.5,
        saturation: float = 0.5,
        hue: float = 0.05,
        mean: Triple = IMAGENET_MEAN,
        std: Triple = IMAGENET_STD,
        ignore_index: int = 255,
    ) -> None:
        red, green, blue = (round(255 * m) for m in mean)
        distortions = {"brightness": brightness, "contrast": contrast, "saturation": saturation, "hue": hue}
        super().__init__(
            [
                RandomScaledCrop(crop_size, scale, max_class_share, ignore_index=ignore_index, fill=(red, green, blue)),
                v2.RandomHorizontalFlip(flip),
                *(
                    v2.RandomApply([v2.ColorJitter(**{name: strength})], p=0.5)
                    for name, strength in distortions.items()
                    if strength > 0
                ),
                Normalize(mean, std),
            ]
        )


class EvaluationTransform(nn.Module):
    """Resizing on request, normalisation, and padding at the bottom and right to a multiple.

    Args:
        size: height and width, or the shorter side; None keeps every image as it is. The target is resized with the
            image, so that scores are those at that size.
        divisor: height and width are padded to multiples of it, the target with `ignore_index`.
        mean, std: normalisation of the image in 0…1, by default ImageNet's.
        ignore_index: unlabelled pixels of the target.

    The sample also gets `original_size` and `content_size`, two (2,) tensors of height and width: as it was in the
    file, and as it is before padding. `restore` takes predictions back by them.
    """

    def __init__(
        self,
        size: int | tuple[int, int] | None = None,
        divisor: int = 32,
        mean: Triple = IMAGENET_MEAN,
        std: Triple = IMAGENET_STD,
        ignore_index: int = 255,
    ) -> None:
        super().__init__()
        self.size = size
        self.divisor = divisor
        self.normalize = Normalize(mean, std)
        self.ignore_index = ignore_index

    def forward(self, sample: Sample) -> Sample:
        sample = sample | {"original_size": torch.tensor(sample["image"].shape[-2:])}
        if self.size is not None:
            sample = resized(sample, self._size(*sample["image"].shape[-2:]))
        height, width = sample["image"].shape[-2:]
        sample = self.normalize(sample | {"content_size": torch.tensor([height, width])})
        return padded(sample, -height % self.divisor, -width % self.divisor, self.ignore_index)

    def _size(self, height: int, width: int) -> tuple[int, int]:
        if not isinstance(self.size, int):
            assert self.size is not None
            return self.size[0], self.size[1]
        factor = self.size / min(height, width)
        return round(height * factor), round(width * factor)


class Normalize(nn.Module):
    """The image from 0…255 to 0…1 in float32, minus `mean`, divided by `std`; the rest of the sample as it is."""

    def __init__(self, mean: Triple = IMAGENET_MEAN, std: Triple = IMAGENET_STD) -> None:
        super().__init__()
        self.mean, self.std = list(mean), list(std)

    def forward(self, sample: Sample) -> Sample:
        image = F.to_dtype(sample["image"], torch.float32, scale=True)
        return sample | {"image": tv_tensors.Image(F.normalize(image, self.mean, self.std))}


def resized(sample: Sample, size: tuple[int, int]) -> Sample:
    """A sample at another size: the image bilinearly, maps by the nearest pixel."""
    height, width = sample["image"].shape[-2:]
    maps = {
        key: tv_tensors.Mask(cut_map(sample[key], (0, 0, height, width), size, fill))
        for key, fill in map_fills(0).items()
        if key in sample
    }
    return sample | {"image": F.resize(sample["image"], list(size), antialias=True)} | maps


def padded(sample: Sample, bottom: int, right: int, ignore_index: int) -> Sample:
    """A normalised sample, made larger at the bottom and right: the mean colour, no label, unknown depth, weight 0."""
    fills: dict[str, Any] = {"image": 0.0} | map_fills(ignore_index)
    return sample | {
        key: tv_tensors.wrap(
            nn.functional.pad(sample[key].as_subclass(Tensor), (0, right, 0, bottom), value=fill), like=sample[key]
        )
        for key, fill in fills.items()
        if key in sample
    }


def restore(logits: Tensor, content_size: Tensor, original_size: Tensor) -> Tensor:
    """(C, H, W) logits or probabilities of a padded image → (C, H₀, W₀): padding cut off, resized bilinearly.

    Example:
        >>> restore(torch.ones(2, 32, 32), torch.tensor([20, 32]), torch.tensor([40, 64])).shape
        torch.Size([2, 40, 64])
    """
    height, width = content_size.tolist()
    content = logits[:, :height, :width]
    if content_size.equal(original_size):
        return content
    return nn.functional.interpolate(content[None].float(), original_size.tolist(), mode="bilinear")[0]
