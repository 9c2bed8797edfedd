"""The same random draws in a run that was interrupted as in one that was not."""

from __future__ import annotations

import random
from typing import Any
from zlib import crc32

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer


def batch_seed(*numbers: int) -> int:
    """Seed of a batch, from (seed, epoch, batch, process).

    Example:
        >>> batch_seed(0, 0, 1, 0) == batch_seed(0, 0, 1, 0), batch_seed(0, 0, 1, 0) == batch_seed(0, 1, 0, 0)
        (True, False)
    """
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def seed_of(name: str, seed: int) -> int:
    """The seed of a stream's draws: that of the run for labeled images, another one for every further stream."""
    if name == "labeled":
        return seed
    return int(np.random.SeedSequence([seed, crc32(name.encode())]).generate_state(1)[0])


class SeedEveryBatch(Callback):
    """Seeds the generators of Python, numpy and torch from (seed, epoch, batch, process) before every training batch.

    A checkpoint holds no generator's state. Dropout and whatever else draws during training nevertheless draws the same
    after an interruption, in every process, and whatever the loaders have drawn.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        seed = batch_seed(self.seed, trainer.current_epoch, batch_idx, trainer.global_rank)
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 (a user's own code may draw from it)
        torch.manual_seed(seed)
