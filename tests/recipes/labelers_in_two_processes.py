"""One of two processes that train on completed or corrected labels: python labelers_in_two_processes.py RANK FOLDER.

Saves the state of the recipe after some steps and an epoch, for each labeler, to FOLDER/RANK.pt.
"""

from __future__ import annotations

import datetime
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

import hardpix
from hardpix.labelers import EarlyLearning, Labeler, MixtureLabels, PointComponents
from hardpix.objectives import WeightedCrossEntropy
from hardpix.pixels import DatasetInfo
from hardpix.recipes import Supervised
from hardpix.teachers import ManyViews, MovingAverage


def corrects_at_once() -> EarlyLearning:
    """Classes 0 and 2 have been learned in an earlier epoch."""
    labeler = EarlyLearning(threshold=0.3, within_image=False)
    labeler.prepare(DatasetInfo(("road", "pole", "tree"), lambda: [1, 1, 1]))
    labeler.corrected_from = torch.tensor([1, 0, 1])
    return labeler


LABELERS: dict[str, Callable[[], Labeler]] = {
    "points": lambda: PointComponents(smallest=2),
    "mixture": lambda: MixtureLabels(rounds=1),
    "early learning": corrects_at_once,
}


class Losses(nn.Module):
    """Module for DDP to wrap: the network that learns, and the loss of a step."""

    def __init__(self, recipe: Supervised) -> None:
        super().__init__()
        self.recipe = recipe

    def forward(self, batches: dict[str, Any]) -> Tensor:
        return self.recipe(batches, 0.5)["loss"]


def batches(step: int, rank: int | None) -> dict[str, Any]:
    """Two images for a process, or all four, half of whose pixels have a label; in step 1 one process has no label."""
    generator = torch.Generator().manual_seed(step)
    image = torch.randn(4, 3, 6, 8, generator=generator)
    target = torch.randint(0, 3, (4, 6, 8), generator=generator)
    target[torch.rand(target.shape, generator=generator) < 0.5] = 255
    if step == 1:
        target[2:] = 255
    part = slice(None) if rank is None else slice(2 * rank, 2 * rank + 2)
    return {"labeled": {"image": image[part], "target": target[part]}}


class Training:
    """Recipe, optimizer and step of a training of 3 steps an epoch; without batch norm, whose statistics are local."""

    def __init__(self, name: str, rank: int | None = None) -> None:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.Sequential(nn.Tanh(), nn.Conv2d(6, 3, 1)))
        teacher = ManyViews(MovingAverage(0.5), scales=(1.0, 2.0), divisor=2)
        self.recipe = Supervised(WeightedCrossEntropy(), teacher, LABELERS[name]())
        self.recipe.bind(hardpix.tap(model, decoder="1"))
        self.optimizer = torch.optim.SGD(self.recipe.network.parameters(), lr=0.5, momentum=0.9)
        self.rank = rank
        self.losses: nn.Module = Losses(self.recipe)
        if rank is not None:
            self.losses = DistributedDataParallel(self.losses)

    def train(self, steps: range) -> None:
        for step in steps:
            self.optimizer.zero_grad()
            self.losses(batches(step, self.rank)).backward()
            self.optimizer.step()
            self.recipe.end_step()
            if step % 3 == 2:
                self.recipe.end_epoch()

    def state(self) -> dict[str, Tensor]:
        return {name: value.clone() for name, value in self.recipe.state_dict().items() if isinstance(value, Tensor)}


def main(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    meeting = f"file://{folder / 'meeting'}"
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=2, timeout=datetime.timedelta(minutes=5))
    states = {}
    for name in LABELERS:
        training = Training(name, rank)
        training.train(range(4))
        states[name] = training.state()
    torch.save(states, folder / f"{rank}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
