"""Windows of a sample: cut, scaled, padded."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor, nn
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as F

from hardpix.data.maps import MAPS, MapKind
from hardpix.data.rare_classes import rare_pixel
from hardpix.data.sample import Sample, require_one_size
from hardpix.pixels import valid_mask

Window = tuple[int, int, int, int]  # top, left, height, width; may reach beyond the image


class RandomScaledCrop(nn.Module):
    """Scale jitter and random crop in one: a window of the image, of random size and place, resized to `crop_size`.

    The window has the size crop_size / (s · resolution), s uniform in `scale`. Where it is larger than the image, the
    image lies at a random place in it and the rest is padding. That is `fill` in the image, `ignore_index` in the
    target, unknown depth (NaN), weight 0, and in other maps the fill of their kind.

    The place is drawn again while one class holds more than `max_class_share` of the labeled pixels in the window. If
    it does in all of `attempts` places, the one with the smallest such share is taken.

    With the chance `rare_crops` the place is drawn among those that hold a pixel of a rare class: of one of the classes
    in the image, drawn by `rarity`. The pixel may be anywhere in the window, so that nothing is always in the middle.

    Maps take the nearest pixel, the image is interpolated. Depth is divided by s: to one camera, what looks s times as
    large is s times nearer. The resolution does not change it: all images are seen at it, as by another camera.

    Args:
        crop_size: height and width, or one number for both.
        scale: smallest and largest factor s.
        max_class_share: 1 switches the cap off.
        attempts: places tried before the best of them is taken.
        ignore_index: unlabeled pixels of the target.
        fill: color of the padding, a number in 0…255 for each channel; images of floats have it from 0 to 1.
        resolution: share of the image's own height and width at which s = 1 shows it.
        map_kinds: of the maps that samples may hold beside the target.
        rare_crops: chance of a window around a pixel of a rare class, from 0 to 1.
        rarity: (C,) logarithms of the chances of classes, as `rarity` in rare_classes.py makes them.
        keep_labels: for sparse labels, most of which shrinking by the nearest pixel would lose. Where it finds no
            label, a pixel takes the first that falls on it.
        num_classes: C; with it the sample gets "tags", (C,) booleans: the classes of the image before it is cropped.

    Raises:
        ValueError: a map of another size than the image, or of a kind that is not among these.

    Example:
        >>> image = tv_tensors.Image(torch.zeros(3, 30, 40, dtype=torch.uint8))
        >>> target = tv_tensors.Mask(torch.arange(40).repeat(30, 1))
        >>> cut = RandomScaledCrop((16, 24), scale=(1, 1))({"image": image, "target": target})
        >>> cut["image"].shape, int(cut["target"][0, -1] - cut["target"][0, 0])
        (torch.Size([3, 16, 24]), 23)
    """

    def __init__(
        self,
        crop_size: int | tuple[int, int],
        scale: tuple[float, float] = (0.5, 2.0),
        max_class_share: float = 0.75,
        attempts: int = 10,
        ignore_index: int = 255,
        fill: tuple[int, ...] = (124, 116, 104),
        resolution: float = 1.0,
        map_kinds: Mapping[str, MapKind] = MAPS,
        rare_crops: float = 0.0,
        rarity: Tensor | None = None,
        keep_labels: bool = False,
        num_classes: int | None = None,
    ) -> None:
        super().__init__()
        self.keep_labels = keep_labels
        self.num_classes = num_classes
        if not 0 <= rare_crops <= 1 or (rare_crops and rarity is None):
            raise ValueError(f"expected rare_crops from 0 to 1, and the classes' rarity with it, found {rare_crops}")
        self.rare_crops = rare_crops
        self.rarity = rarity
        self.map_kinds = dict(map_kinds)
        self.crop_size = (crop_size, crop_size) if isinstance(crop_size, int) else (crop_size[0], crop_size[1])
        if min(self.crop_size) < 1 or not 0 < scale[0] <= scale[1] or not 0 < max_class_share <= 1 or attempts < 1:
            raise ValueError(
                "expected crop_size ≥ 1, 0 < scale[0] ≤ scale[1], 0 < max_class_share ≤ 1 and attempts ≥ 1, found "
                f"{crop_size}, {tuple(scale)}, {max_class_share} and {attempts}"
            )
        self.scale = (float(scale[0]), float(scale[1]))
        self.max_class_share = max_class_share
        self.attempts = attempts
        self.ignore_index = ignore_index
        self.fill = tuple(fill)
        if resolution <= 0:
            raise ValueError(f"expected resolution > 0, found {resolution}")
        self.resolution = resolution

    def forward(self, sample: Sample) -> Sample:
        require_one_size(sample, self.map_kinds)
        height, width = sample["image"].shape[-2:]
        low, high = self.scale
        jitter = low + (high - low) * torch.rand(()).item()
        factor = jitter * self.resolution
        size = (max(1, round(self.crop_size[0] / factor)), max(1, round(self.crop_size[1] / factor)))
        place = partial(_place, height, width, size, self._rare_pixel(sample))
        best = place()
        if "target" in sample and self.max_class_share < 1:
            smallest = self._share(sample, best)
            for _ in range(self.attempts - 1):
                if smallest <= self.max_class_share:
                    break
                window = place()
                share = self._share(sample, window)
                if share < smallest:
                    best, smallest = window, share
        cut = {"image": cut_image(sample["image"], best, self.crop_size, self.fill)}
        if "target" in sample:
            cut_target = cut_labels if self.keep_labels else cut_map
            cut["target"] = tv_tensors.Mask(cut_target(sample["target"], best, self.crop_size, self.ignore_index))
            if self.num_classes is not None:
                cut["tags"] = tags_of(sample["target"].as_subclass(Tensor), self.num_classes, self.ignore_index)
        for key, kind in self.map_kinds.items():
            if key in sample:
                # In the type of its kind: depth as whole numbers could not hold what is unknown.
                values = cut_map(sample[key].to(kind.dtype), best, self.crop_size, kind.fill)
                cut[key] = tv_tensors.Mask(kind.moved(values, jitter))
        return sample | cut

    def _rare_pixel(self, sample: Sample) -> tuple[int, int] | None:
        # Without the setting nothing is drawn, so that earlier runs keep their crops.
        if not self.rare_crops or self.rarity is None or "target" not in sample or torch.rand(()) >= self.rare_crops:
            return None
        return rare_pixel(sample["target"].as_subclass(Tensor), self.rarity)

    def _share(self, sample: Sample, window: Window) -> float:
        top, left, height, width = window
        inside = sample["target"][max(top, 0) : top + height, max(left, 0) : left + width]
        return largest_share(inside.as_subclass(Tensor), self.ignore_index)


def largest_share(target: Tensor, ignore_index: int) -> float:
    """The largest class's share of the labeled pixels; 1 where none is labeled.

    Example:
        >>> largest_share(torch.tensor([[0, 0, 0, 1, 255]]), 255)
        0.75
    """
    lowest = min(ignore_index, 0)
    counts = (target - lowest).flatten().bincount(minlength=ignore_index - lowest + 1)
    counts[ignore_index - lowest] = 0
    return (counts.max() / counts.sum()).item() if counts.any() else 1.0


def tags_of(target: Tensor, num_classes: int, ignore_index: int) -> Tensor:
    """(C,) booleans: the classes of an image's labels.

    Example:
        >>> tags_of(torch.tensor([[0, 2, 255]]), 3, 255)
        tensor([ True, False,  True])
    """
    classes = target[valid_mask(target, num_classes, ignore_index)].long()
    return classes.bincount(minlength=num_classes) > 0


def cut_map(values: Tensor, window: Window, size: tuple[int, int], fill: float) -> Tensor:
    """A window of an (H, W) map, resized to `size`: each pixel takes the value under its center, or `fill` outside."""
    top, left, height, width = window
    rows, inside_rows = _sources(top, height, size[0], values.shape[0])
    columns, inside_columns = _sources(left, width, size[1], values.shape[1])
    cut = values.as_subclass(Tensor)[rows][:, columns]
    return cut.masked_fill_(~(inside_rows[:, None] & inside_columns), fill)


def cut_labels(target: Tensor, window: Window, size: tuple[int, int], ignore_index: int) -> Tensor:
    """`cut_map`, and where it finds no label the first, from the top left, of the labels that fall on the pixel.

    Example:
        >>> target = torch.tensor([[255, 255, 1, 255], [255, 255, 255, 255]])
        >>> cut_map(target, (0, 0, 2, 4), (1, 2), 255), cut_labels(target, (0, 0, 2, 4), (1, 2), 255)
        (tensor([[255, 255]]), tensor([[255,   1]]))
    """
    cut = cut_map(target, window, size, ignore_index).flatten()
    target = target.as_subclass(Tensor)
    rows, columns = (target != ignore_index).nonzero().unbind(1)
    y, x = (rows - window[0]) * size[0] // window[2], (columns - window[1]) * size[1] // window[3]
    inside = (y >= 0) & (y < size[0]) & (x >= 0) & (x < size[1])
    place = (y * size[1] + x)[inside]
    values, number = target[rows, columns][inside], torch.arange(int(inside.sum()))
    first = torch.full_like(cut, len(values), dtype=torch.long).scatter_reduce_(0, place, number, "amin")
    filled = ((first < len(values)) & (cut == ignore_index)).nonzero()[:, 0]
    cut[filled] = values[first[filled]]
    return cut.view(size)


def cut_image(image: Tensor, window: Window, size: tuple[int, int], fill: tuple[int, ...]) -> tv_tensors.Image:
    """A window of a (C, H, W) image, uint8 or floats from 0 to 1, resized bilinearly to `size`, padded with a color."""
    top, left, height, width = window
    # Colors lie innermost, as in the file: torch resizes bytes in that order several times as fast.
    color = [value / 255 for value in fill] if image.is_floating_point() else fill
    canvas = torch.tensor(color, dtype=image.dtype).repeat(height, width, 1).permute(2, 0, 1)
    y, x = max(top, 0), max(left, 0)
    part = image.as_subclass(Tensor)[:, y : max(y, top + height), x : max(x, left + width)]
    canvas[:, y - top : y - top + part.shape[1], x - left : x - left + part.shape[2]] = part
    if (height, width) != size:
        canvas = F.resize(canvas, list(size), antialias=True)
    return tv_tensors.Image(canvas)


def _place(height: int, width: int, size: tuple[int, int], around: tuple[int, int] | None = None) -> Window:
    """A window of this size at a random place: inside the image, or around it along sides where it is larger.

    With the row and column of a pixel in ``around`` it is one of the places that hold this pixel.
    """
    starts = []
    for side, (length, extent) in enumerate(zip((height, width), size, strict=True)):
        low, high = min(0, length - extent), max(0, length - extent)
        if around is not None:
            low, high = max(low, around[side] - extent + 1), min(high, around[side])
        starts.append(low + int(torch.randint(high - low + 1, ()).item()))
    return starts[0], starts[1], *size


def _sources(start: int, length: int, count: int, available: int) -> tuple[Tensor, Tensor]:
    """Along one side: which source pixel lies under the center of each of `count` pixels, and whether there is one."""
    # In whole numbers, so that a map taken at its own size comes out as it went in.
    source = start + (2 * torch.arange(count) + 1) * length // (2 * count)
    return source.clamp(0, available - 1), (source >= 0) & (source < available)
