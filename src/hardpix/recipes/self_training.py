"""Self-training: a teacher labels what nobody has labeled (mean teacher, FixMatch, DACS and their like)."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Literal, Self

from torch import Tensor, nn

from hardpix.labelers import Labeler
from hardpix.networks import TappedNetwork
from hardpix.objectives import (
    Objective,
    WeightedCrossEntropy,
    losses_of_signals,
    signals_in,
    with_signal_losses,
)
from hardpix.pixels import PixelBatch
from hardpix.recipes.adding import add
from hardpix.recipes.base import Batch, Recipe
from hardpix.recipes.parts import require_readable
from hardpix.signals import Signal
from hardpix.teachers import Teacher


class SelfTraining(Recipe):
    """Objective on labeled images + weight · objective on unlabeled ones, whose labels a teacher gives.

    The teacher sees an unlabeled image as it comes (the weak view), and the labeler turns its prediction into labels.
    The network learns these from a changed image (the strong view). Semi-supervised learning and adaptation to another
    domain differ in the images, the labeler and the change alone.

    Args:
        objective: minimized on the labeled images.
        teacher: asked about the unlabeled ones, and updated after each step of the optimizer.
        labeler: makes labels, and says how far to trust each.
        augment: makes the strong view out of the labeled weak one, such as StrongColor or CutMix; None leaves it.
        partner: images that `augment` mixes in: "labeled" ones (ClassMix as in DACS), or other "unlabeled" ones (CutMix
            as in French et al. and UniMatch). Where a step has fewer labeled images, they are taken by turns.
        unlabeled: minimized on the unlabeled images; plain cross-entropy if none is given, weighed by the trust.
        both: minimized on the labeled and on the unlabeled images beside the other two, one object for both, such as a
            ClassContrast, whose head and statistics they share. The sample of unlabeled images has
            ``stream="unlabeled"``.
        weight: of the unlabeled images' loss.
        ramp: share of the training in which the weight rises, by exp(−5 (1 − t)²) (Laine and Aila, arXiv 1610.02242).
        deploy: the network is validated and predicted with, or the teacher.

    Returns (from forward):
        "loss", the total, and the parts of the objectives as "labeled/…" and "unlabeled/…", those of `both` as
        "labeled/both/…" and "unlabeled/both/…". Signals that the labeler asks learn from the labeled images, as
        "labeler/…".

    Raises:
        ValueError: a weight below 0, or a ramp outside 0…1; a labeler that asks a signal which learns, and a teacher
            that is not made from the network.

    Example:
        >>> import hardpix, torch
        >>> from hardpix.data.batch_transforms import CutMix
        >>> from hardpix.labelers import ConfidenceThreshold
        >>> from hardpix.teachers import MovingAverage
        >>> model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 2, 1))
        >>> recipe = SelfTraining(WeightedCrossEntropy(), MovingAverage(), ConfidenceThreshold(0.5), CutMix())
        >>> recipe = recipe.bind(hardpix.tap(model, decoder="1"))
        >>> labeled = {"image": torch.rand(2, 3, 4, 4), "target": torch.zeros(2, 4, 4, dtype=torch.long)}
        >>> losses = recipe({"labeled": labeled, "unlabeled": {"image": torch.rand(2, 3, 4, 4)}}, progress=0.0)
        >>> [name for name in losses if name.endswith("loss")]
        ['loss', 'labeled/loss', 'unlabeled/loss']
    """

    streams = ("labeled", "unlabeled")

    def __init__(
        self,
        objective: Objective,
        teacher: Teacher,
        labeler: Labeler,
        augment: nn.Module | None = None,
        partner: Literal["labeled", "unlabeled"] = "labeled",
        unlabeled: Objective | None = None,
        weight: float = 1.0,
        ramp: float = 0.0,
        deploy: Literal["network", "teacher"] = "network",
        both: Objective | None = None,
    ) -> None:
        super().__init__()
        if weight < 0 or not 0 <= ramp <= 1:
            raise ValueError(f"expected weight ≥ 0 and ramp as a share of the training, found {weight} and {ramp}")
        self.objective = objective
        self.teacher = teacher
        self.labeler = labeler
        self.augment = augment
        self.partner = partner
        self.unlabeled = WeightedCrossEntropy() if unlabeled is None else unlabeled
        self.weight = weight
        self.ramp = ramp
        self.deploy = deploy
        self.both = both

    def bind(self, network: TappedNetwork) -> Self:
        super().bind(network)
        require_readable(self.labeler, self.teacher)
        return self

    @property
    def deployed(self) -> TappedNetwork:
        return self.network if self.deploy == "network" else self.teacher.network  # type: ignore[return-value]

    def forward(self, batches: Mapping[str, Batch], progress: float) -> dict[str, Tensor]:
        given = self.pixels(batches["labeled"], progress)
        seen = self.teacher(batches["unlabeled"])
        weak = self.labeler(seen).into(batches["unlabeled"])
        strong = self.strong_view(weak, batches["labeled"])
        # Where labels were mixed, the pixels are no longer those that the teacher saw.
        same = strong["target"] is weak["target"]
        taught = self.pixels(strong, progress, seen if same else None)
        losses = {**self.given_losses(given), "unlabeled": self.learn(taught)}
        return add(losses, {"unlabeled": self.weight_at(progress)})

    def given_losses(self, given: PixelBatch) -> dict[str, dict[str, Tensor]]:
        """Losses of the labeled images, and of the signals that the labeler asks, which learn from them."""
        judging = losses_of_signals(self.labeler, replace(given))
        own = with_signal_losses(self.objective, given)
        labeled = {"labeled": self._with_both(own, given, signals_in(self.objective))}
        return {**labeled, "labeler": judging} if judging else labeled

    def strong_view(self, weak: Batch, labeled: Batch) -> Batch:
        """The labeled weak view, changed: what the network learns from."""
        view = weak
        if self.augment is not None:
            view = self.augment(weak, as_many(labeled, len(weak["image"])) if self.partner == "labeled" else None)
        return {**view, "stream": "unlabeled"}

    def learn(self, taught: PixelBatch) -> dict[str, Tensor]:
        """Losses of the unlabeled images. A signal of both objectives learns from labeled ones alone."""
        known = signals_in(self.objective)
        if self.both is not None:
            known += signals_in(self.both)
        return self._with_both(with_signal_losses(self.unlabeled, taught, but=known), taught, known)

    def _with_both(self, losses: dict[str, Tensor], px: PixelBatch, but: Collection[Signal]) -> dict[str, Tensor]:
        """Losses, and those of the objective for both kinds of images, without signals that learn elsewhere."""
        if self.both is None:
            return losses
        own = with_signal_losses(self.both, px, but=but)
        return {**losses, "loss": losses["loss"] + own["loss"], **{f"both/{name}": each for name, each in own.items()}}

    def weight_at(self, progress: float) -> float:
        """Weight of the unlabeled images' loss after a share of the training."""
        if progress >= self.ramp:
            return self.weight
        return self.weight * math.exp(-5 * (1 - progress / self.ramp) ** 2)

    def end_step(self) -> None:
        self.teacher.update(self.network)
        self.labeler.end_step()

    def end_epoch(self) -> None:
        self.labeler.end_epoch()


def as_many(batch: Batch, count: int) -> Batch:
    """The batch with so many images, its own by turns.

    Example:
        >>> import torch
        >>> as_many({"image": torch.tensor([1, 2]), "stem": ["a", "b"]}, 3)
        {'image': tensor([1, 2, 1]), 'stem': ['a', 'b', 'a']}
    """
    have = len(batch["image"])
    if have == count:
        return batch
    order = [place % have for place in range(count)]
    return {
        key: value[order] if isinstance(value, Tensor) else [value[place] for place in order]
        for key, value in batch.items()
    }
