"""Transforms of a sample between the folder and the network, in training and in evaluation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from hardpix.data.crop import RandomScaledCrop
from hardpix.data.maps import MAPS, MapKind
from hardpix.data.sample import Sample, map_fills
from hardpix.pixels import resize_bilinear

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

Numbers = Sequence[float]  # one a channel


def normalization(channels: int) -> tuple[Numbers, Numbers]:
    """Mean and standard deviation of a network's channels: ImageNet's of three, and their averages of any other number.

    Example:
        >>> mean, std = normalization(4)
        >>> [round(value, 3) for value in (*mean, *std)]
        [0.449, 0.449, 0.449, 0.449, 0.226, 0.226, 0.226, 0.226]
    """
    if channels == 3:
        return IMAGENET_MEAN, IMAGENET_STD
    return (sum(IMAGENET_MEAN) / 3,) * channels, (sum(IMAGENET_STD) / 3,) * channels


class TrainingTransform(v2.Compose):
    """Scale jitter, random crop with a cap on one class's share, flip, photometric distortion, normalization.

    Args:
        crop_size: height and width of what the network sees, or one number for both.
        scale: range of the scale jitter (see `RandomScaledCrop`), which depth is divided by.
        max_class_share: cap on the largest class's share of the crop's labeled pixels; 1 for none.
        flip: chance of a horizontal flip.
        brightness, contrast, saturation, hue: range of each photometric distortion (see torchvision's `ColorJitter`),
            each applied to half of the images; 0 switches it off. Images of another number of channels than three have
            brightness and contrast alone.
        mean, std: normalization of the image in 0…1, one number a channel, by default ImageNet's.
        ignore_index: unlabeled pixels of the target.
        resolution: share of the image's own height and width around which the jitter is.
        map_kinds: of the maps that samples may hold beside the target.
        rare_crops, rarity: chance of a crop around a pixel of a rare class, see `RandomScaledCrop`.
        keep_labels: for sparse labels, which shrinking must not lose, see `RandomScaledCrop`.
        num_classes: C; with it the sample gets "tags", see `RandomScaledCrop`.

    It takes and gives a sample as `SegmentationFolder` makes it; `image` comes out as float32.

    Example:
        >>> sample = {"image": tv_tensors.Image(torch.zeros(3, 20, 30, dtype=torch.uint8))}
        >>> seen = TrainingTransform((16, 24), brightness=0)(sample)
        >>> seen["image"].shape, seen["image"].dtype
        (torch.Size([3, 16, 24]), torch.float32)
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
        mean: Numbers = IMAGENET_MEAN,
        std: Numbers = IMAGENET_STD,
        ignore_index: int = 255,
        resolution: float = 1.0,
        map_kinds: Mapping[str, MapKind] = MAPS,
        rare_crops: float = 0.0,
        rarity: Tensor | None = None,
        keep_labels: bool = False,
        num_classes: int | None = None,
    ) -> None:
        strengths = {"brightness": brightness, "contrast": contrast, "saturation": saturation, "hue": hue}
        if len(mean) == 3:
            distortions = [v2.ColorJitter(**{name: by}) for name, by in strengths.items() if by > 0]
        else:
            distortions = [
                BandJitter(name, strengths[name]) for name in ("brightness", "contrast") if strengths[name] > 0
            ]
        super().__init__(
            [
                RandomScaledCrop(
                    crop_size,
                    scale,
                    max_class_share,
                    ignore_index=ignore_index,
                    fill=tuple(round(255 * m) for m in mean),
                    resolution=resolution,
                    map_kinds=map_kinds,
                    rare_crops=rare_crops,
                    rarity=rarity,
                    keep_labels=keep_labels,
                    num_classes=num_classes,
                ),
                v2.RandomHorizontalFlip(flip),
                *(v2.RandomApply([distortion], p=0.5) for distortion in distortions),
                Normalize(mean, std),
            ]
        )


class Transformed(Dataset[Sample]):
    """A data set whose samples pass through a transform.

    Example:
        >>> image = tv_tensors.Image(torch.zeros(3, 20, 30, dtype=torch.uint8))
        >>> samples = Transformed([{"image": image}], TrainingTransform(16))
        >>> samples[0]["image"].shape
        torch.Size([3, 16, 16])
    """

    def __init__(self, samples: Dataset | Sequence[Sample], transform: Callable[[Sample], Sample]) -> None:
        self.samples = samples
        self.transform = transform

    def __len__(self) -> int:
        return len(self.samples)  # type: ignore[arg-type]

    def __getitem__(self, index: int) -> Sample:
        return self.transform(self.samples[index])


class EvaluationTransform(nn.Module):
    """Resizing, normalization, and padding at the bottom and right to a multiple.

    Labels and other maps stay as they are: predictions come to them, by `restore`.

    Args:
        resolution: share of the image's own height and width at which the network sees it.
        divisor: height and width of what the network sees are padded to multiples of it.
        mean, std: normalization of the image in 0…1, one number a channel, by default ImageNet's.
        keep_original: whether the sample also gets `original_image`, normalized, at its own size.

    The sample also gets `original_size` and `content_size`, two pairs of height and width: as it was in the file, and
    as it is before padding.

    Example:
        >>> seen = EvaluationTransform(resolution=0.5)({"image": torch.zeros(3, 80, 120, dtype=torch.uint8)})
        >>> seen["image"].shape, seen["content_size"], seen["original_size"]
        (torch.Size([3, 64, 64]), (40, 60), (80, 120))
    """

    def __init__(
        self,
        resolution: float = 1.0,
        divisor: int = 32,
        mean: Numbers = IMAGENET_MEAN,
        std: Numbers = IMAGENET_STD,
        keep_original: bool = False,
    ) -> None:
        super().__init__()
        if resolution <= 0 or divisor < 1:
            raise ValueError(f"expected resolution > 0 and divisor ≥ 1, found {resolution} and {divisor}")
        self.resolution = resolution
        self.divisor = divisor
        self.normalize = Normalize(mean, std)
        self.keep_original = keep_original

    def forward(self, sample: Sample) -> Sample:
        image = sample["image"]
        if self.keep_original:
            sample = sample | {"original_image": self.normalize(sample)["image"]}
        original = (image.shape[-2], image.shape[-1])
        content = self._content_size(original)
        if content != original:
            image = F.resize(image, list(content), antialias=True)
        height, width = self.seen_size(original)
        seen = padded(self.normalize({"image": image}), height - content[0], width - content[1], ignore_index=0)
        return sample | seen | {"original_size": original, "content_size": content}

    def seen_size(self, original_size: Sequence[int]) -> tuple[int, int]:
        """Height and width at which the network sees an image of this height and width.

        Example:
            >>> EvaluationTransform(resolution=0.5).seen_size((80, 120))
            (64, 64)
        """
        height, width = self._content_size(original_size)
        return height + -height % self.divisor, width + -width % self.divisor

    def _content_size(self, original_size: Sequence[int]) -> tuple[int, int]:
        height, width = (max(1, round(side * self.resolution)) for side in original_size)
        return height, width


class BandJitter(nn.Module):
    """Brightness or contrast of images of any number of channels, all bands by one factor.

    The factor lies in 1 − strength … 1 + strength. Brightness scales the numbers, contrast their distance from the mean
    of their band; what leaves the range becomes black or white, as by torchvision's ColorJitter for RGB.

    Args:
        kind: brightness or contrast.
        strength: largest change of the factor.

    Example:
        >>> jitter = BandJitter("brightness", 0.5)
        >>> image = jitter({"image": torch.full((4, 1, 1), 100, dtype=torch.uint8)})["image"]
        >>> bool((image >= 50).all() and (image <= 150).all() and (image == image[0]).all())
        True
    """

    def __init__(self, kind: str, strength: float) -> None:
        super().__init__()
        self.kind = kind
        self.strength = strength

    def forward(self, sample: Sample) -> Sample:
        image = sample["image"]
        low = max(0.0, 1 - self.strength)
        factor = low + (1 + self.strength - low) * torch.rand(()).item()
        values = image.as_subclass(Tensor).float()
        center = values.mean((-2, -1), keepdim=True) if self.kind == "contrast" else 0.0
        changed = (center + factor * (values - center)).clamp(0, 1 if image.is_floating_point() else 255)
        return sample | {"image": tv_tensors.Image(changed.to(image.dtype))}


class Normalize(nn.Module):
    """The image from 0…255 (or floats from 0…1) to 0…1 in float32, minus `mean`, divided by `std`."""

    def __init__(self, mean: Numbers = IMAGENET_MEAN, std: Numbers = IMAGENET_STD) -> None:
        super().__init__()
        self.mean, self.std = list(mean), list(std)

    def forward(self, sample: Sample) -> Sample:
        image = F.to_dtype(sample["image"], torch.float32, scale=True)
        return sample | {"image": tv_tensors.Image(F.normalize(image, self.mean, self.std))}


def padded(
    sample: Sample, bottom: int, right: int, ignore_index: int, map_kinds: Mapping[str, MapKind] = MAPS
) -> Sample:
    """A normalized sample, made larger at the bottom and right: the mean color, no label, the fill of other maps."""
    if not bottom and not right:
        return sample
    fills: dict[str, Any] = {"image": 0.0} | map_fills(ignore_index, map_kinds)
    return sample | {
        key: tv_tensors.wrap(
            nn.functional.pad(sample[key].as_subclass(Tensor), (0, right, 0, bottom), value=fill), like=sample[key]
        )
        for key, fill in fills.items()
        if key in sample
    }


def restore(logits: Tensor, content_size: Sequence[int], original_size: Sequence[int]) -> Tensor:
    """(C, H, W) logits or probabilities of a padded image → (C, H₀, W₀): padding cut off, resized bilinearly.

    Example:
        >>> restore(torch.ones(2, 32, 32), (20, 32), (40, 64)).shape
        torch.Size([2, 40, 64])
    """
    content = logits[:, : content_size[0], : content_size[1]]
    return resize_bilinear(content[None], (original_size[0], original_size[1]))[0]
