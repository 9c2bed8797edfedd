"""Teacher that looks at several views of an image (test-time scales and flip of ADELE, CVPR 2022, arXiv 2110.03740)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from torch import Tensor

from hardpix.networks.binding import bound
from hardpix.networks.views import require_views, views_of
from hardpix.pixels import PixelBatch, resize_bilinear
from hardpix.teachers.base import Teacher
from hardpix.teachers.ensemble import mean_logits

if TYPE_CHECKING:
    from hardpix.networks import TappedNetwork


class ManyViews(Teacher):
    """Another teacher, asked about an image at several sizes and mirrored: the mean of what it says of each.

    The logits are the logarithms of the mean probabilities. ADELE corrects labels by them:
    ``Supervised(objective, ManyViews(MovingAverage(0.99)), EarlyLearning())``. Taps, and so what a signal says of the
    teacher's pixels, are those of the image as it is.

    Each view is one more prediction: 0.7, 1 and 1.5, each mirrored too, cost 7.5 times as much as one at size 1.

    Args:
        teacher: any, such as MovingAverage.
        scales: of the image; 1 must be among them.
        flip: whether each scale is seen mirrored, too.
        divisor: sizes other than the image's own are rounded to multiples of it, which U-Nets need.

    Raises:
        ValueError: settings outside their range.

    Example:
        >>> import torch
        >>> from hardpix.teachers import Frozen
        >>> teacher = ManyViews(Frozen(torch.nn.Conv2d(3, 2, 3, padding=1)))
        >>> teacher({"image": torch.rand(1, 3, 32, 64)}).logits.shape
        torch.Size([1, 2, 32, 64])
    """

    def __init__(
        self, teacher: Teacher, scales: Sequence[float] = (0.7, 1.0, 1.5), flip: bool = True, divisor: int = 32
    ) -> None:
        super().__init__()
        require_views(scales, divisor)
        if 1 not in scales:
            raise ValueError(f"expected 1 among the scales, found {list(scales)}: taps are of the image as it is")
        self.teacher = teacher
        self.scales = tuple(scales)
        self.flip = flip
        self.divisor = divisor
        self.follows_student = teacher.follows_student

    def bind(self, student: TappedNetwork) -> Self:
        bound(self.teacher, student)
        return self

    def forward(self, batch: Mapping[str, Any]) -> PixelBatch:
        image, first = batch["image"], self.teacher(batch)

        def predict(view: Tensor) -> Tensor:
            # The teacher sees the image alone of another view: labels and maps lie elsewhere there.
            return first.logits if view is image else self.teacher({"image": view}).logits

        views = views_of(predict, image, self.scales, self.flip, self.divisor)
        return replace(first, logits=mean_logits([resize_bilinear(view, first.shape[1:]) for view in views]))

    def update(self, student: TappedNetwork) -> None:
        self.teacher.update(student)
