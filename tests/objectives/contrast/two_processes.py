"""One of two processes that gather statistics: python two_processes.py RANK FOLDER.

Each stores every other piece, one of which is empty, and saves what it has then.
"""

import datetime
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor

from hardpix.objectives.contrast import ClassStatistics

CLASSES, CHANNELS = 3, 4
COUNTS = [12, 5, 0, 30]


def drawn(counts: list[int], seed: int = 0) -> list[tuple[Tensor, Tensor]]:
    """Pieces of so many vectors each; the class 1 is rare, and has other means than the others."""
    generator = torch.Generator().manual_seed(seed)
    pieces = []
    for number, count in enumerate(counts):
        classes = torch.randint(0, 40, (count,), generator=generator).clamp(max=2)
        vectors = torch.randn(count, CHANNELS, generator=generator) + number + 5 * classes[:, None]
        pieces.append((vectors, classes))
    return pieces


def main(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    meeting = f"file://{folder / 'meeting'}"
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=2, timeout=datetime.timedelta(minutes=5))
    statistics = ClassStatistics(CLASSES, CHANNELS)
    for vectors, classes in drawn(COUNTS)[rank::2]:
        statistics.store(vectors, classes)
    torch.save(statistics.state_dict(), folder / f"{rank}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
