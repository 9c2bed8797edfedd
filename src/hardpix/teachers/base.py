"""Contract of a teacher: what another network says of the same pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import torch

from hardpix.pixels import PixelBatch, Prepared

if TYPE_CHECKING:
    from hardpix.networks import TappedNetwork


class Teacher(Prepared):
    """Predictions for the student to learn from; no gradient, and never trained by an optimizer.

    One of your own needs ``forward``; ``bind`` where it is made from the student, ``update`` where it follows it.

    Example:
        >>> class Undecided(Teacher):
        ...     def forward(self, batch):
        ...         images, _, height, width = batch["image"].shape
        ...         return PixelBatch(torch.zeros(images, 2, height, width), sample=batch)
        >>> Undecided()({"image": torch.zeros(1, 3, 4, 6)}).confidence.unique()
        tensor([0.5000])
    """

    follows_student: bool = False
    """True for a copy of the student: what learned to read the student's features reads the teacher's."""

    def bind(self, student: TappedNetwork) -> Self:
        """Build what depends on the student, on its device. A second call changes nothing.

        The student never becomes a submodule of the teacher.
        """
        return self

    def forward(self, batch: Mapping[str, Any]) -> PixelBatch:
        """Predictions for a batch: "image" (B, 3, H, W), and as far as there are "target" and further maps (B, H, W).

        Logits have the target's resolution, or the image's without one.
        """
        raise NotImplementedError(f"{type(self).__name__} must return a PixelBatch in forward(batch)")

    def update(self, student: TappedNetwork) -> None:
        """Follow the student; called once after every step of the optimizer."""


@torch.no_grad()
def predict_pixels(network: TappedNetwork, batch: Mapping[str, Any]) -> PixelBatch:
    """The batch as a network sees it, without gradient.

    Example:
        >>> import hardpix
        >>> network = hardpix.tap(torch.nn.Conv2d(3, 2, 1))
        >>> predict_pixels(network, {"image": torch.zeros(1, 3, 4, 6), "stem": ["a"]}).logits.requires_grad
        False
    """
    return network.pixels(**batch)
