"""The same random draws in a run that was interrupted as in one that was not."""

from __future__ import annotations

import random

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer


class SeedEveryEpoch(Callback):
    """Seeds the generators of Python, numpy and torch from (seed, epoch, process) at the start of every epoch.

    A checkpoint holds no generator's state. Dropout and whatever else draws during training nevertheless draws the same
    after an interruption, in every process.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        numbers = (self.seed, trainer.current_epoch, trainer.global_rank)
        seed = int(np.random.SeedSequence(numbers).generate_state(1)[0])
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 (a user's own transforms may draw from it)
        torch.manual_seed(seed)
