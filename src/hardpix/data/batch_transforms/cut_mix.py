"""CutMix (Yun et al., ICCV 2019), as semi-supervised segmentation uses it (French et al., BMVC 2020; UniMatch)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from hardpix.data.batch_transforms.base import Batch
from hardpix.data.batch_transforms.pasting import partner_of, paste
from hardpix.data.batch_transforms.seeded import SeededTransform


class CutMix(SeededTransform):
    """A box of the partner's pixels is pasted into each image, in all per-pixel entries alike.

    The box's share s of the image is uniform in `area`; its aspect r, height share over width share, is log-uniform in
    `aspect`. It takes √(s·r) of the height and √(s/r) of the width, rounded to pixels, at a place uniform among those
    where it fits. Defaults are UniMatch's. [ours] r is measured on the image's own aspect and kept within s and 1/s, so
    that every box fits. There r is uniform, and boxes are drawn anew until one fits.

    Args:
        probability: share of the images that get a box.
        area: smallest and largest share of the image.
        aspect: smallest and largest aspect, around 1.
        seed: of the draws, see `SeededTransform`.

    Raises:
        ValueError: settings outside their range; a partner of another size or without one of the batch's entries.

    Example:
        >>> batch = {"image": torch.zeros(2, 3, 10, 10), "target": torch.arange(2)[:, None, None].expand(2, 10, 10)}
        >>> mixed = CutMix(probability=1, area=(0.25, 0.25), aspect=(1, 1))(batch)
        >>> int((mixed["target"][0] == 1).sum())  # of the image before it, which is the last
        25
    """

    def __init__(
        self,
        probability: float = 0.5,
        area: tuple[float, float] = (0.02, 0.4),
        aspect: tuple[float, float] = (0.3, 1 / 0.3),
        seed: int = 0,
    ) -> None:
        super().__init__(seed)
        if not 0 <= probability <= 1 or not 0 < area[0] <= area[1] <= 1 or not 0 < aspect[0] <= 1 <= aspect[1]:
            raise ValueError(
                "expected 0 ≤ probability ≤ 1, 0 < area[0] ≤ area[1] ≤ 1 and 0 < aspect[0] ≤ 1 ≤ aspect[1], found "
                f"{probability}, {tuple(area)} and {tuple(aspect)}"
            )
        self.probability = probability
        self.area = area
        self.aspect = aspect

    def transform(self, batch: Batch, partner: Batch | None, generator: torch.Generator) -> Batch:
        partner = partner_of(batch, partner)
        image = batch["image"]
        mask = self.boxes(len(image), image.shape[-2], image.shape[-1], generator)
        return paste(batch, partner, mask.to(image.device))

    def boxes(self, count: int, height: int, width: int, generator: torch.Generator) -> Tensor:
        """Masks (count, height, width), true in the box of each image."""
        chance, area, aspect, *place = torch.rand(5, count, generator=generator, dtype=torch.float64)
        share = self.area[0] + (self.area[1] - self.area[0]) * area
        low = share.log().clamp(min=math.log(self.aspect[0]))
        high = share.log().neg().clamp(max=math.log(self.aspect[1]))
        ratio = (low + (high - low) * aspect).exp()
        rows = _spans(height, (share * ratio).sqrt(), place[0])
        columns = _spans(width, (share / ratio).sqrt(), place[1])
        chosen = chance < self.probability
        return chosen[:, None, None] & rows[:, :, None] & columns[:, None, :]


def _spans(length: int, share: Tensor, place: Tensor) -> Tensor:
    """Masks (B, length) of spans that take a share of the length, at a place in [0, 1) of where they fit."""
    size = (length * share).round().clamp(1, length)
    start = (place * (length - size + 1)).floor()
    position = torch.arange(length)
    return (position >= start[:, None]) & (position < (start + size)[:, None])
