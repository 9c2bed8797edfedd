"""The record of a training: its curve, how long it took, how much memory it needed, and where it ran."""

from __future__ import annotations

import json
import math
import statistics
import time
from collections import deque
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from hardpix.cli.results import write_whole
from hardpix.training.hardware import hardware, peak_resident, versions

# The median over this many steps is steady, and a checkpoint stays small.
LAST_STEPS = 1000

# Beginning of the names under which the IoU of each class is logged.
IOU = "val/iou/"


class RunRecord(Callback):
    """Writes the record of a run after every epoch, and keeps it in the checkpoint: a resumed run has one record.

    The record is JSON:

    - `epochs` of `of`, `steps`, `finished`
    - `curve`: one entry a validation, with epoch, miou, val_loss, loss
    - `class_iou`: of the best and of the last validation, by the name of the class
    - `seconds`: validation included, interruptions not
    - `step_seconds`: median
    - `peak_memory`: bytes resident in the first process, without the workers that read ahead
    - `peak_gpu_memory`: bytes that torch held on the GPU
    - `versions`, `hardware`

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.curve: list[dict[str, Any]] = []
        self.class_iou: dict[str, dict[str, float | None]] = {}
        self.seconds_before = 0.0
        self.step_seconds: deque[float] = deque(maxlen=LAST_STEPS)
        self.losses: list[Tensor] = []
        self.peak_memory = self.peak_gpu_memory = 0
        self.began = time.monotonic()
        self.last_step: float | None = None

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.began = time.monotonic()
        if pl_module.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(pl_module.device)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.last_step = None

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        now = time.monotonic()
        if self.last_step is not None:
            self.step_seconds.append(now - self.last_step)
        self.last_step = now
        # Lightning has divided it. Kept as tensors: reading a number would wait for the device.
        self.losses.append(outputs["loss"].detach() * trainer.accumulate_grad_batches)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        seen = trainer.callback_metrics
        # The time of a validation within an epoch is none of the step that follows it.
        self.last_step = None
        if trainer.sanity_checking or "val/miou" not in seen:
            return
        epoch = trainer.current_epoch + 1
        losses = [loss.to(pl_module.device) for loss in self.losses]
        loss = float(torch.stack(losses).mean()) if losses else math.nan
        entry = {"epoch": epoch, "miou": seen["val/miou"], "val_loss": seen["val/loss"], "loss": loss}
        self.curve = [each for each in self.curve if each["epoch"] < epoch]
        self.curve.append({name: _number(value) for name, value in entry.items()} | {"epoch": epoch})
        of_class = {key.removeprefix(IOU): _number(value) for key, value in seen.items() if key.startswith(IOU)}
        self.class_iou["last"] = of_class
        # Equal scores keep the earlier checkpoint.
        if all((entry["miou"] or 0) < (self.curve[-1]["miou"] or 0) for entry in self.curve[:-1]):
            self.class_iou["best"] = of_class
        self._write(trainer, pl_module, epoch)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._write(trainer, pl_module, trainer.current_epoch + 1)
        self.losses = []

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._write(trainer, pl_module, trainer.current_epoch, finished=not trainer.interrupted)

    def state_dict(self) -> dict[str, Any]:
        return {
            "curve": self.curve,
            "class_iou": self.class_iou,
            # Losses of the epoch that is under way, where a checkpoint is written within it.
            "losses": [float(loss) for loss in self.losses],
            "seconds": self._seconds(),
            "step_seconds": list(self.step_seconds),
            "peak_memory": self.peak_memory,
            "peak_gpu_memory": self.peak_gpu_memory,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.curve = list(state_dict["curve"])
        self.class_iou = dict(state_dict.get("class_iou", {}))  # none in checkpoints of earlier versions
        self.losses = [torch.tensor(loss) for loss in state_dict["losses"]]
        self.seconds_before = state_dict["seconds"]
        self.step_seconds.extend(state_dict["step_seconds"])
        self.peak_memory, self.peak_gpu_memory = state_dict["peak_memory"], state_dict["peak_gpu_memory"]

    def _seconds(self) -> float:
        return self.seconds_before + time.monotonic() - self.began

    def _write(self, trainer: Trainer, pl_module: LightningModule, epoch: int, finished: bool = False) -> None:
        if not trainer.is_global_zero:
            return
        self.peak_memory = max(self.peak_memory, peak_resident())
        if pl_module.device.type == "cuda":
            peak = torch.cuda.max_memory_allocated(pl_module.device)
            self.peak_gpu_memory = max(self.peak_gpu_memory, peak)
        record = {
            "epochs": epoch,
            # Without a last epoch a number of steps says where the end is.
            "of": trainer.max_epochs if (trainer.max_epochs or -1) > 0 else None,
            "curve": self.curve,
            "class_iou": self.class_iou,
            "seconds": round(self._seconds(), 3),
            "steps": trainer.global_step,
            "step_seconds": round(statistics.median(self.step_seconds), 6) if self.step_seconds else None,
            "peak_memory": self.peak_memory or None,
            "peak_gpu_memory": self.peak_gpu_memory or None,
            "versions": versions(),
            "hardware": hardware(pl_module.device, trainer.world_size),
            "finished": finished,
        }
        write_whole(self.path, json.dumps(record, ensure_ascii=False) + "\n")


def _number(value: Any) -> float | None:
    # JSON has no NaN.
    return float(value) if math.isfinite(float(value)) else None
