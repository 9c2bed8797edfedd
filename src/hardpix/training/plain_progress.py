"""Progress of a training where there is no terminal for a bar: a line now and then, as for the log of a job."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from hardpix.cli.terminal import Terminal

SECONDS = 60.0


class PlainProgress(Callback):
    """A line at most every so many seconds: epoch, step, loss and the time left, or how far the validation is.

    The time left is that of the steps to come at the pace since this command began, validations included.

    Args:
        console: to print on.
        seconds: between two lines.
        clock: seconds from any start.
    """

    def __init__(
        self, console: Terminal, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.console = console
        self.seconds = seconds
        self.clock = clock
        self.began = self.said = clock()
        self.first_step = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.began = self.said = self.clock()
        self.first_step = trainer.global_step

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if not self._is_due(trainer):
            return
        steps, done = trainer.estimated_stepping_batches, trainer.global_step - self.first_step
        of = f"/{trainer.max_epochs}" if (trainer.max_epochs or -1) > 0 else ""
        line = f"epoch {trainer.current_epoch + 1}{of}, step {trainer.global_step:,}"
        if steps != float("inf"):
            line += f" of {int(steps):,}"
        loss: Tensor = outputs["loss"]
        # A training of several batches a step has divided its loss by their number.
        line += f": loss {float(loss) * trainer.accumulate_grad_batches:.4f}"
        if steps != float("inf") and done > 0:
            pace = (self.clock() - self.began) / done
            line += f", {duration(pace * (steps - trainer.global_step))} left"
        self.console.print(line)

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if not trainer.sanity_checking and self._is_due(trainer):
            (count, *_) = trainer.num_val_batches
            self.console.print(f"validation: batch {batch_idx + 1:,} of {count:,}")

    def _is_due(self, trainer: Trainer) -> bool:
        if not trainer.is_global_zero or self.clock() - self.said < self.seconds:
            return False
        self.said = self.clock()
        return True


def duration(seconds: float) -> str:
    """Words for a time that nobody needs to the second.

    Example:
        >>> duration(40), duration(600), duration(4000), duration(200_000)
        ('less than a minute', '10 min', '1 h 07 min', '55 h 33 min')
    """
    minutes = int(seconds / 60 + 0.5)
    if seconds < 60:
        return "less than a minute"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
