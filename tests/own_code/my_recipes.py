"""Teachers, labelers and recipes that a user may have in a file of their own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from hardpix.labelers import Labeler, PseudoLabels
from hardpix.networks import TappedNetwork
from hardpix.objectives import Objective
from hardpix.pixels import PixelBatch
from hardpix.recipes import Recipe
from hardpix.teachers import Teacher


class Follower(Teacher):
    """A teacher: half of itself, half of the student; counts its updates."""

    updates: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))

    def bind(self, student: TappedNetwork) -> Self:
        self.network = deepcopy(student).requires_grad_(False)
        return self

    @torch.no_grad()
    def forward(self, batch: Mapping[str, Any]) -> PixelBatch:
        return self.network.eval().pixels(**batch)

    @torch.no_grad()
    def update(self, student: nn.Module) -> None:
        self.updates += 1
        for own, given in zip(self.network.parameters(), student.parameters(), strict=True):
            own.lerp_(given, 0.5)


class MostLikely(Labeler):
    """A labeler that labels everything but padding, and counts what it labeled and how many epochs there were."""

    labeled: Tensor
    epochs: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("labeled", "epochs"):
            self.register_buffer(name, torch.zeros((), dtype=torch.int64))

    def forward(self, px: PixelBatch) -> PseudoLabels:
        inside = px.sample["target_weight"] > 0
        self.labeled += self.training * inside.sum()
        return PseudoLabels(torch.where(inside, px.logits.argmax(1), px.ignore_index), inside.float())

    def end_epoch(self) -> None:
        self.epochs += 1


class Diary(Recipe):
    """Writes down which images each stream brought, and learns from the labeled ones."""

    streams: ClassVar[tuple[str, ...]] = ("labeled", "unlabeled")

    def __init__(self, objective: Objective, folder: str) -> None:
        super().__init__()
        self.objective = objective
        self.teacher = Follower()
        self.folder = folder

    def forward(self, batches: Mapping[str, Any], progress: float) -> dict[str, Tensor]:
        if self.training:
            rank = torch.distributed.get_rank() if torch.distributed.is_initialized() else 0
            page = {name: [batch["stem"], batch["image"].double().sum().item()] for name, batch in batches.items()}
            with (Path(self.folder) / f"{rank}.jsonl").open("a") as file:
                file.write(json.dumps(page) + "\n")
        return self.objective(self.pixels(batches["labeled"], progress))

    def end_step(self) -> None:
        self.teacher.update(self.network)
