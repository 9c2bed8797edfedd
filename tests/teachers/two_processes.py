"""One of two processes that train a student on halves of a batch, each with a teacher: two_processes.py RANK FOLDER.

Saves the state of student and teacher after each step to FOLDER/RANK.pt.
"""

import copy
import datetime
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import hardpix
from hardpix.objectives import WeightedCrossEntropy
from hardpix.teachers import MovingAverage


def main(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo",
        init_method=f"file://{folder / 'meeting'}",
        rank=rank,
        world_size=2,
        timeout=datetime.timedelta(minutes=5),
    )
    # Weights of their own, which DDP makes one.
    torch.manual_seed(rank)
    student = hardpix.tap(nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1)).double())
    teacher = MovingAverage(0.7).bind(student)
    step = DistributedDataParallel(hardpix.TrainingStep(student, WeightedCrossEntropy()))
    optimizer = torch.optim.SGD(step.parameters(), lr=0.5)
    found: dict[str, list] = {"students": [], "teachers": []}
    for seed in range(4):
        generator = torch.Generator().manual_seed(2 * seed + rank)
        image = torch.randn(2, 3, 6, 5, generator=generator, dtype=torch.float64)
        target = torch.randint(0, 2, (2, 6, 5), generator=generator)
        optimizer.zero_grad()
        step(image, target)["loss"].backward()
        optimizer.step()
        teacher.update(student)
        found["students"].append(copy.deepcopy(student.state_dict()))
        found["teachers"].append(copy.deepcopy(teacher.state_dict()))
    torch.save(found, folder / f"{rank}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
