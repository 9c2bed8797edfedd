"""Supervised training; distillation with a teacher, corrected or completed labels with a labeler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from hardpix.labelers import Labeler
from hardpix.objectives import Objective, signals_in, with_signal_losses
from hardpix.recipes.base import Batch, Recipe
from hardpix.teachers import Teacher


class Supervised(Recipe):
    """An objective on the labeled images.

    Args:
        objective: what is minimized.
        teacher: asked about each batch; the objective finds its answer as ``px.teacher``.
        labeler: makes the targets, from what the teacher says or, without one, from what the network itself says.

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
        for signal in signals_in(self.labeler):
            # It looks for labels that are wrong, so that it learns from them as they were given.
            if (own := signal.loss(px)) is not None:
                losses = {**losses, "loss": losses["loss"] + own, f"labeler/{signal.name}": own}
        return losses

    def end_step(self) -> None:
        if self.teacher is not None:
            self.teacher.update(self.network)

    def end_epoch(self) -> None:
        if self.labeler is not None:
            self.labeler.end_epoch()
