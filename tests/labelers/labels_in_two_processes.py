"""One of two processes that count learning curves of halves of a batch: labels_in_two_processes.py RANK FOLDER.

Saves the labeler's state after each epoch to FOLDER/RANK.pt.
"""

import copy
import datetime
import sys
from pathlib import Path

import torch
import torch.distributed as dist

from hardpix.labelers import EarlyLearning
from hardpix.pixels import PixelBatch


def batches(epoch: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and labels of four images, right at more and more pixels."""
    generator = torch.Generator().manual_seed(epoch)
    target = torch.randint(0, 3, (4, 6, 5), generator=generator)
    target[torch.rand(target.shape, generator=generator) < 0.1] = 255
    known = torch.rand(target.shape, generator=generator) < 1 - 2.0**-epoch
    shown = torch.where(known & (target < 3), target, torch.randint(0, 3, target.shape, generator=generator))
    return 5 * torch.nn.functional.one_hot(shown, 3).permute(0, 3, 1, 2).float(), target


def main(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo",
        init_method=f"file://{folder / 'meeting'}",
        rank=rank,
        world_size=2,
        timeout=datetime.timedelta(minutes=5),
    )
    labeler, states = EarlyLearning(), []
    for epoch in range(10):
        logits, target = batches(epoch)
        half = slice(2 * rank, 2 * rank + 2)
        labeler(PixelBatch(logits[half], target[half]))
        labeler.end_epoch()
        states.append(copy.deepcopy(labeler.state_dict()))
    torch.save(states, folder / f"{rank}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
