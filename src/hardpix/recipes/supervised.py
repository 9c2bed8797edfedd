"""Supervised training; distillation with a teacher, corrected or completed labels with a labeler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Self

import torch
from torch import Tensor

from hardpix.labelers import Labeler
from hardpix.networks import TappedNetwork
from hardpix.objectives import Objective, losses_of_signals, with_signal_losses
from hardpix.recipes.base import Batch, Recipe
from hardpix.recipes.parts import require_readable
from hardpix.teachers import Teacher


class Supervised(Recipe):
    """An objective on the labeled images.

    Args:
        objective: what is minimized.
        teacher: asked about each batch; the objective finds its answer as ``px.teacher``.
        labeler: makes the targets, from what the teacher says or, without one, from what the network itself says.

    Raises:
        ValueError: a labeler that asks a signal which learns, and a teacher that is not made from the network.

    Example:
        >>> import hardpix
        >>> from hardpix.objectives import WeightedCrossEntropy
        >>> model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.Conv2d(8, 2, 1))
        >>> recipe = Supervised(WeightedCrossEntropy()).bind(hardpix.tap(model, decoder="1"))
        >>> batch = {"image": torch.rand(1, 3, 4, 4), "target": torch.zeros(1, 4, 4, dtype=torch.long)}
        >>> sorted(recipe({"labeled": batch}, progress=0.0))
        ['loss', 'segmentation']
    """

    def __init__(self, objective: Objective, teacher: Teacher | None = None, labeler: Labeler | None = None) -> None:
        super().__init__()
        self.objective = objective
        self.teacher = teacher
        self.labeler = labeler

    def bind(self, network: TappedNetwork) -> Self:
        super().bind(network)
        if self.labeler is not None:
            require_readable(self.labeler, self.teacher)
        return self

    def forward(self, batches: Mapping[str, Batch], progress: float) -> dict[str, Tensor]:
        batch = batches["labeled"]
        seen = None if self.teacher is None else self.teacher(batch)
        px = self.pixels(batch, progress, seen)
        if self.labeler is None:
            return with_signal_losses(self.objective, px)
        with torch.no_grad():
            made = self.labeler(px if seen is None else seen).into(batch)
        # The logits are those of before: a second forward would say the same.
        learned = replace(px, target=made["target"], sample={key: made[key] for key in made if key != "target"})
        losses = with_signal_losses(self.objective, learned)
        # Signals look for labels that are wrong, so that they learn from them as they were given.
        judging = losses_of_signals(self.labeler, px)
        if not judging:
            return losses
        parts = {f"labeler/{name}": value for name, value in judging.items() if name != "loss"}
        return {**losses, **parts, "loss": losses["loss"] + judging["loss"]}

    def end_step(self) -> None:
        if self.teacher is not None:
            self.teacher.update(self.network)
        if self.labeler is not None:
            self.labeler.end_step()

    def end_epoch(self) -> None:
        if self.labeler is not None:
            self.labeler.end_epoch()
