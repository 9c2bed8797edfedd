"""One of two processes that train together for some steps: python steps_in_two_processes.py RANK FOLDER.

Saves the weights after the last step of every case, and the parts of every loss, to FOLDER/RANK.pt.
"""

from __future__ import annotations

import datetime
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader

import hardpix
from hardpix.data.sampling import SeededDataset, SeededSampler
from hardpix.objectives import Objective, PixelContrast, Sum, WeightedCrossEntropy
from hardpix.signals import ClassBalance, Focal, HardnessLevel, OnlineHard, Product, WithinClass

CLASSES, IMAGES, BATCH, EPOCHS = 3, 7, 2, 2
CELLS = 24

CASES: dict[str, Callable[[], Objective]] = {
    "cross-entropy": WeightedCrossEntropy,
    "hardness": lambda: WeightedCrossEntropy(HardnessLevel(alpha=0.5, form="published")),
    "graded hardness": lambda: WeightedCrossEntropy(Product([HardnessLevel(), ClassBalance([5, 2, 1], power=0.5)])),
    "hardness within each class": lambda: WeightedCrossEntropy(
        Product([WithinClass(HardnessLevel()), ClassBalance([5, 2, 1], power=0.5)])
    ),
    "OHEM by threshold": lambda: WeightedCrossEntropy(OnlineHard(0.5, min_kept=20)),
    "OHEM by share": lambda: WeightedCrossEntropy(OnlineHard(0.0, min_kept=0.3)),
    "focal": lambda: WeightedCrossEntropy(Focal(2.0)),
    "class balance": lambda: WeightedCrossEntropy(ClassBalance([5, 2, 1])),
    # All cells are anchors, and all anchors are keys: nothing is drawn.
    "contrast": lambda: Sum({"plain": WeightedCrossEntropy(), "contrast": PixelContrast(anchors=CELLS, channels=4)}),
}


class Scenes:
    """Small images, a fifth of their pixels without a label."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        self.images = torch.randn(IMAGES, 3, 4, 6, generator=generator)
        self.targets = torch.randint(0, CLASSES, (IMAGES, 4, 6), generator=generator)
        self.targets[torch.rand(self.targets.shape, generator=generator) < 0.2] = 255

    def __len__(self) -> int:
        return IMAGES

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.images[index], self.targets[index]


def batches(rank: int, processes: int = 2) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of a process; the images cannot be shared out evenly, and every second batch of rank 1 has no label."""
    sampler = SeededSampler(Scenes(), seed=1, num_replicas=processes, rank=rank)
    loader = DataLoader(SeededDataset(Scenes()), batch_size=BATCH, sampler=sampler)  # type: ignore[arg-type]
    for epoch in range(EPOCHS):
        sampler.set_epoch(epoch)
        for number, (image, target) in enumerate(loader):
            yield image, torch.full_like(target, 255) if number % 2 == rank == 1 else target


def joined(contrast: bool) -> Iterator[tuple[Tensor, Tensor]]:
    for parts in zip(batches(0), batches(1), strict=True):
        if not contrast or (parts[1][1] == 255).all():
            yield tuple(map(torch.cat, zip(*parts, strict=True)))  # type: ignore[misc]


def make_step(case: str) -> hardpix.TrainingStep:
    """A network without batch normalization, whose statistics are those of each process."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.Sequential(nn.Tanh(), nn.Conv2d(6, CLASSES, 1)))
    step = hardpix.TrainingStep(hardpix.tap(model, decoder="1"), CASES[case]())
    for module in step.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    return step


def train(step: nn.Module, given: Iterator[tuple[Tensor, Tensor]]) -> list[dict[str, Tensor]]:
    """One step of SGD with momentum a batch; the losses before each."""
    optimizer = torch.optim.SGD(step.parameters(), lr=0.5, momentum=0.9)
    losses = []
    for image, target in given:
        optimizer.zero_grad()
        parts = step(image, target)
        parts["loss"].backward()
        optimizer.step()
        losses.append({name: part.detach() for name, part in parts.items()})
    return losses


def main(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    meeting = f"file://{folder / 'meeting'}"
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=2, timeout=datetime.timedelta(minutes=5))
    results: dict[str, Any] = {"batches": list(batches(rank))}
    for case in CASES:
        step = make_step(case)
        # Contrast is drawn from each process's own pixels: it is that of the joined batch where one has all of them.
        given = [batch for k, batch in enumerate(batches(rank)) if case != "contrast" or k % 2]
        losses = train(DistributedDataParallel(step), iter(given))
        results[case] = (dict(step.named_parameters()), losses)
    torch.save(results, folder / f"{rank}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
