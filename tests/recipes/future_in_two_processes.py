"""One of two processes that train by FutureSelfTraining: python future_in_two_processes.py RANK FOLDER.

Saves the state of the recipe after some steps, for every rule of a threshold, to FOLDER/RANK.pt.
"""

from __future__ import annotations

import datetime
import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

import hardpix
from hardpix.labelers import ConfidenceWeighted, thresholds
from hardpix.objectives import BorderCrossEntropy, Sum, WeightedCrossEntropy
from hardpix.recipes import FutureSelfTraining
from hardpix.signals import Uniform
from hardpix.teachers import MovingAverage

RULES = ("Fixed", "Sigmoid", "Floor", "ClassFloor", "FreeMatch", "SoftMatch", "EntropyPercentile")


class Losses(nn.Module):
    """Module for DDP to wrap: the network that learns, and the loss of a step."""

    def __init__(self, recipe: FutureSelfTraining) -> None:
        super().__init__()
        self.recipe = recipe

    def forward(self, batches: dict[str, Any]) -> Tensor:
        return self.recipe(batches, 0.5)["loss"]


def batches(step: int, rank: int | None) -> dict[str, Any]:
    """Two images of each stream for a process, or all four; in the second step one process has no label."""
    generator = torch.Generator().manual_seed(step)
    image, other = torch.randn(2, 4, 3, 6, 8, generator=generator)
    target = torch.randint(0, 3, (4, 6, 8), generator=generator)
    if step == 1:
        target[2:] = 255
    part = slice(None) if rank is None else slice(2 * rank, 2 * rank + 2)
    return {"labeled": {"image": image[part], "target": target[part]}, "unlabeled": {"image": other[part]}}


def train(rule: str, rank: int | None) -> dict[str, Tensor]:
    """State after three steps; a network without batch norm, whose statistics are those of each process."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.Sequential(nn.Tanh(), nn.Conv2d(6, 3, 1)))
    made = thresholds.Fixed(0.4) if rule == "Fixed" else getattr(thresholds, rule)()
    unlabeled = Sum({"labels": WeightedCrossEntropy(Uniform("count")), "borders": BorderCrossEntropy()})
    recipe = FutureSelfTraining(
        WeightedCrossEntropy(), MovingAverage(0.5), ConfidenceWeighted(made), unlabeled=unlabeled, students=2
    ).bind(hardpix.tap(model, decoder="1"))
    optimizer = torch.optim.SGD(recipe.network.parameters(), lr=0.5, momentum=0.9)
    optimizer.register_step_post_hook(lambda *_: recipe.end_step())
    recipe.use_optimizer(optimizer)
    losses: nn.Module = Losses(recipe)
    if rank is not None:
        losses = DistributedDataParallel(losses)
    for step in range(3):
        optimizer.zero_grad()
        losses(batches(step, rank)).backward()
        optimizer.step()
    return {name: value for name, value in recipe.state_dict().items() if isinstance(value, Tensor)}


def main(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    meeting = f"file://{folder / 'meeting'}"
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=2, timeout=datetime.timedelta(minutes=5))
    torch.save({rule: train(rule, rank) for rule in RULES}, folder / f"{rank}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
