"""Display of a training on the screen."""

from __future__ import annotations

from collections.abc import Iterable
from shlex import quote
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, ModelCheckpoint, RichProgressBar
from torch import Tensor, nn

from hardpix.cli.terminal import Terminal
from hardpix.recipes.parts import parts_of
from hardpix.training.run import Run
from hardpix.training.task import SegmentationTask

console = Terminal(highlight=False, markup=False, soft_wrap=True)


class ProgressBar(RichProgressBar):
    """Lightning's bar with epochs from 1 on and the loss alone; a line after each validation has the scores."""

    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        shown = super().get_metrics(trainer, pl_module)
        return {name: value for name, value in shown.items() if name == "loss"}

    def _get_train_description(self, current_epoch: int) -> str:
        last = self.trainer.max_epochs or -1
        of = f"/{last}" if last > 0 else ""
        return f"epoch {current_epoch + 1}{of}".ljust(len(self.validation_description))

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Its last state is drawn when it stops. What is said of the end of the training comes after it.
        self._stop_progress()


class Report(Callback):
    """A line on the network before training, one after every validation, and at the end what can be done next."""

    def __init__(self, folder: Run, best: ModelCheckpoint | None) -> None:
        self.folder = folder
        self.best = best
        self.highest = float("-inf")
        self.losses: list[Tensor] = []

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        assert isinstance(pl_module, SegmentationTask)
        of_network = set(pl_module.network.parameters())
        learned = [weights for weights in pl_module.recipe.parameters() if weights.requires_grad]
        weights, branches = _count(of_network), _count(each for each in learned if each not in of_network)
        processes = f", {trainer.world_size} processes" if trainer.world_size > 1 else ""
        console.print(
            f"{type(pl_module.network.model).__name__}: {weights} weights"
            + (f", {branches} more of branches in training" if branches != "0" else "")
            + f"; on {pl_module.device}{processes}. Run folder: {self.folder.path}"
        )

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.losses = []
        self._say_news(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._say_news(trainer, pl_module)

    @staticmethod
    def _say_news(trainer: Trainer, pl_module: LightningModule) -> None:
        """Print sentences of parts of the recipe on the epoch before, such as whose labels are corrected."""
        assert isinstance(pl_module, SegmentationTask)
        told = [getattr(part, "news", None) for part in parts_of(pl_module.recipe)]
        for sentence in [sentence for tell in told if callable(tell) for sentence in tell()]:
            if trainer.is_global_zero:
                console.print(sentence)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        # Lightning has divided it. Kept as tensors: reading a number would wait for the device.
        self.losses.append(outputs["loss"] * trainer.accumulate_grad_batches)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        seen = trainer.callback_metrics
        if trainer.sanity_checking or not trainer.is_global_zero or "val/miou" not in seen:
            return
        miou = 100 * float(seen["val/miou"])
        self.highest = max(self.highest, miou)
        loss = f"loss {float(torch.stack(self.losses).mean()):.4f}, " if self.losses else ""
        # Without a last epoch a number of steps says where the end is.
        of = f"/{trainer.max_epochs}" if (trainer.max_epochs or -1) > 0 else ""
        console.print(
            f"epoch {trainer.current_epoch + 1:>{max(len(of) - 1, 1)}}{of}: {loss}val loss "
            f"{float(seen['val/loss']):.4f}, val mIoU {miou:.2f} (best {self.highest:.2f})"
        )

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.is_global_zero or trainer.interrupted or self.best is None:
            return
        assert isinstance(pl_module, SegmentationTask)
        score = self.best.best_model_score
        if not (self.folder.checkpoints / ("last.ckpt" if score is None else "best.ckpt")).is_file():
            return
        run = f"--run {quote(str(self.folder.path))}" + (" --checkpoint last" if score is None else "")
        found = "no validation was done" if score is None else f"best validation mIoU: {100 * float(score):.2f}"
        console.print(f"\n{found}; everything of this run is in {self.folder.path}")
        next_steps = {
            f"hardpix test {run}": "scores of every class",
            f"hardpix predict {run} --images DIR --out DIR": "label images",
        }
        if pl_module.shown_signal is not None:
            next_steps[f"hardpix mine {run} --images DIR --out DIR"] = "the learned hardness of every pixel"
        width = max(map(len, next_steps))
        for command, result in next_steps.items():
            console.print(f"  {command:<{width}}   {result}")

    def state_dict(self) -> dict[str, Any]:
        return {"highest": self.highest}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.highest = state_dict["highest"]


def _count(parameters: Iterable[nn.Parameter]) -> str:
    count = sum(weights.numel() for weights in parameters)
    return f"{count / 1e6:.2f} M" if count >= 10_000 else f"{count}"
