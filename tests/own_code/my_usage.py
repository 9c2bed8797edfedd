"""Memory and open files of this process during a training."""

import ctypes
import gc
import os
from contextlib import suppress
from pathlib import Path
from typing import ClassVar, Optional

import torch
from lightning.pytorch import Callback
from my_networks import Squares


def give_back_freed_memory() -> None:
    """Return what earlier tests have freed to the system, so that new memory is seen."""
    gc.collect()
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


class ManySquares(Squares):
    """Bright squares, any number of them."""

    def __getitem__(self, index: int) -> dict[str, object]:
        target = torch.zeros(32, 32, dtype=torch.long)
        target[index % 8 : 12 + index % 8, 8:24] = 1
        return {"image": (40 + 160 * target).to(torch.uint8).expand(3, -1, -1), "target": target}


class Usage(Callback):
    """Notes memory and open files every 20 steps from `first` on."""

    last: ClassVar[Optional["Usage"]] = None

    def __init__(self, first: int) -> None:
        self.first, self.steps = first, 0
        self.memory: list[int] = []
        self.files: list[int] = []
        Usage.last = self

    def on_train_batch_end(self, *_: object) -> None:
        self.steps += 1
        if self.steps >= self.first and self.steps % 20 == 0:
            self.memory.append(resident())
            self.files.append(open_files())
