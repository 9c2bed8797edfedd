"""Requests to end a training, which are heard between two steps."""

from __future__ import annotations

import signal
import sys

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from hardpix.cli.ending import EndRequests, Interrupted, interrupt
from hardpix.training.processes import is_first_process


class EndRequest(Callback):
    """Notes Ctrl-C and SIGTERM while a training makes steps; `LastCheckpoint` saves, and ends it after the step.

    A step that is broken off leaves weights of which some have changed. Lightning's handler of SIGTERM talks to other
    processes in the middle of a step, and after Ctrl-C it ignores further ones: handlers of hardpix stay in place.
    """

    def __init__(self) -> None:
        self._requests = EndRequests()

    def agreed(self, trainer: Trainer) -> bool:
        """True where a signal came to any of the processes, all of which ask at the same step."""
        asked = self._requests.number is not None
        return asked if trainer.world_size == 1 else trainer.strategy.reduce_boolean_decision(asked, all=False)

    @property
    def noted(self) -> bool:
        """True where a signal came to this process."""
        return self._requests.number is not None

    def end(self) -> None:
        """End the training where it is.

        Raises:
            Interrupted: always.
        """
        raise Interrupted(self._requests.number or signal.SIGTERM)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._requests = EndRequests.of_command()
        self._requests.listen()

    def on_sanity_check_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Lightning has put its own in place since.
        self._requests.listen()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._requests.listen()
        self._requests.first = _say_when

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._requests.first = interrupt

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._requests.listen()
        self._requests.first = interrupt

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: object, batch_idx: int) -> None:
        # Without checkpoints there is nothing to wait for.
        if not trainer.checkpoint_callbacks and self.agreed(trainer):
            self.end()


def _say_when(number: int) -> None:
    if is_first_process():
        name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        print(f"hardpix fit: {name}; the training ends after this step (once more: at once)", file=sys.stderr)
