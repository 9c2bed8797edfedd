"""Two strong views of each unlabeled image (UniMatch, Yang et al., CVPR 2023, arXiv 2208.09910)."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from hardpix.recipes.adding import add
from hardpix.recipes.base import Batch
from hardpix.recipes.self_training import SelfTraining


class TwoViews(SelfTraining):
    """Self-training in which the network learns the same labels from two strong views, drawn one after the other.

    Both are drawn to the teacher's labels and so to each other, and each counts half of `weight`. Settings are those of
    :class:`SelfTraining`; `augment` must draw, such as StrongColor and CutMix in a Compose. [ours] UniMatch's stream of
    perturbed features is left out, and any teacher may label: MovingAverage(0) is the network itself, as there.

    Returns (from forward):
        "loss", the total, and the parts of the objectives as "labeled/…", "first/…" and "second/…".

    Raises:
        ValueError: nothing that changes the views.

    Example:
        >>> from hardpix.labelers import ConfidenceThreshold
        >>> from hardpix.objectives import WeightedCrossEntropy
        >>> from hardpix.teachers import MovingAverage
        >>> TwoViews(WeightedCrossEntropy(), MovingAverage(0), ConfidenceThreshold(), ramp=0.5).weight_at(0.5)
        1.0
    """

    def forward(self, batches: Mapping[str, Batch], progress: float) -> dict[str, Tensor]:
        if self.augment is None:
            raise ValueError(
                "TwoViews needs views that differ, found no augment: give one that draws, such as "
                "--model.recipe.augment hardpix.data.batch_transforms.CutMix"
            )
        labeled, unlabeled = batches["labeled"], batches["unlabeled"]
        losses = self.given_losses(self.pixels(labeled, progress))
        weak = self.labeler(self.teacher(unlabeled)).into(unlabeled)
        for name in ("first", "second"):
            losses[name] = self.learn(self.pixels(self.strong_view(weak, labeled), progress))
        half = self.weight_at(progress) / 2
        return add(losses, {"first": half, "second": half})
