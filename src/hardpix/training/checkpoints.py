"""Checkpoints of a training: which weights are kept, and how they are read again."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from pickle import UnpicklingError
from time import monotonic
from typing import Any
from zipfile import is_zipfile

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import nn

from hardpix.training.end_request import EndRequest
from hardpix.training.lightning_private import save, uncount_step
from hardpix.training.run_files import require_weights

# Characters of one difference between two networks that are shown.
LONGEST_LINE = 200


class UnsafeCheckpoint(ValueError):
    """A checkpoint that holds more than tensors and plain values, which may run code."""


class BestCheckpoint(ModelCheckpoint):
    """Keeps the weights of the highest validation mIoU as best.ckpt, also in a run folder that was moved since."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, filename="best", monitor="val/miou", mode="max", enable_version_counter=False)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        # Lightning forgets the best score in another folder, and would delete the file in the former one.
        assert self.dirpath is not None
        here = str(Path(self.dirpath) / "best.ckpt")
        moved = {name: here for name in ("best_model_path", "kth_best_model_path") if state_dict[name]}
        scores = dict(zip([here], state_dict["best_k_models"].values(), strict=False))
        super().load_state_dict(state_dict | moved | {"best_k_models": scores, "dirpath": self.dirpath})


class LastCheckpoint(ModelCheckpoint):
    """Keeps the weights as last.ckpt, to go on from: after every epoch, every few minutes, and where training stops.

    Not the best's own ``save_last``: that writes nothing in an epoch that is not better. Within an epoch the loaders'
    places are part of it (`ResumableLoader`). It is never written between batches whose gradients are added up: a
    checkpoint holds no gradients.

    Args:
        folder: to write to.
        minutes: after which it is written within an epoch, too.
        request: to end the training, which it does after it has written.
    """

    def __init__(self, folder: Path, minutes: float = 10.0, request: EndRequest | None = None) -> None:
        super().__init__(folder, filename="last", enable_version_counter=False, save_on_train_epoch_end=True)
        self.minutes = minutes
        self.request = EndRequest() if request is None else request
        self._written_at = monotonic()
        self._seen_step = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        super().on_train_start(trainer, pl_module)
        self._written_at, self._seen_step = monotonic(), trainer.global_step

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        stepped, self._seen_step = trainer.global_step > self._seen_step, trainer.global_step
        # The end of an epoch has a checkpoint of its own, after it is validated.
        if not stepped or trainer.is_last_batch:
            return
        ends = trainer.should_stop or trainer.global_step == trainer.max_steps
        asked = self.request.agreed(trainer)
        if ends or asked or self._is_due(trainer):
            self._write(trainer)
        if asked:
            self.request.end()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # An epoch that was cut short, by steps or time, is gone on with from inside.
        if trainer.is_last_batch:
            super().on_train_epoch_end(trainer, pl_module)
            self._written_at = monotonic()
        if self.request.agreed(trainer):
            self.request.end()

    def on_validation_batch_end(self, trainer: Trainer, *_: Any) -> None:
        # Other processes have other batches, and wait for this one at the end of the validation.
        if not self.request.noted or trainer.world_size > 1:
            return
        self._write(trainer)
        self.request.end()

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        if trainer.validating and self.request.noted and trainer.world_size == 1:
            validate_again(checkpoint["loops"]["fit_loop"])

    def _is_due(self, trainer: Trainer) -> bool:
        """The same in all processes, which write together; their clocks are compared in one step of 16."""
        due = monotonic() - self._written_at >= 60 * self.minutes
        if trainer.world_size == 1:
            return due
        return trainer.global_step % 16 == 0 and trainer.strategy.broadcast(due)

    def _write(self, trainer: Trainer) -> None:
        assert self.dirpath is not None
        save(self, trainer, Path(self.dirpath) / "last.ckpt")
        self._written_at = monotonic()

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        start_next_epoch(checkpoint["loops"]["fit_loop"], by_steps=trainer.max_steps != -1)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        # It has one file, in its own folder, whatever came before.
        pass


def validate_again(loop: dict[str, Any]) -> None:
    """Let the state of a fit loop that was saved within a validation stand at the start of that validation, in place.

    Lightning goes straight to a validation whose first batch was begun and not finished.

    Args:
        loop: as a checkpoint has it.
    """
    batches = loop["epoch_loop.val_loop.batch_progress"]
    batches["total"] = {"ready": 1, "started": 1, "processed": 0, "completed": 0}
    batches["current"] = dict.fromkeys(batches["current"], 0)


def start_next_epoch(loop: dict[str, Any], by_steps: bool) -> None:
    """Let the state of a fit loop that was saved at an epoch's end stand at the start of the next one, in place.

    Where a number of steps is asked for, Lightning takes such a state for one within the epoch that it ended. It would
    end the epoch a second time, and count one epoch too many.

    Args:
        loop: as a checkpoint has it.
        by_steps: whether a number of steps is asked for.
    """
    epochs, batches = loop["epoch_progress"], loop["epoch_loop.batch_progress"]
    # An epoch that was begun so lacks in one count.
    epochs["current"]["ready"] = max(epochs["current"]["ready"], epochs["current"]["started"])
    if not by_steps or epochs["current"]["processed"] != epochs["current"]["completed"] + 1:
        return
    for counts in epochs.values():
        counts["completed"] = counts["processed"]
        counts["ready"] = counts["started"] + 1
    batches["current"] = dict.fromkeys(batches["current"], 0)
    batches["is_last_batch"] = False
    # Lightning looks whether a validation is due, and counts that as a step.
    uncount_step(loop)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Contents of a checkpoint of ``hardpix fit``, on the CPU: tensors and plain values alone, no code.

    Raises:
        UnsafeCheckpoint: it holds more than that.
        ValueError: the file cannot be read, or holds something else.
    """
    try:
        require_whole(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        # Bytes of any other file may pass for the name of a class, too.
        if not is_zipfile(path):
            raise _unreadable(path, error) from error
        found = re.search(r"GLOBAL ([\w.]+)", str(error))
        what = f"{found[1]}, which is none" if found else "something else"
        raise UnsafeCheckpoint(
            f"expected tensors and plain values in a checkpoint, found {what}, in {path}: a file that may run code "
            "is not loaded. A callback of your own may keep numbers, texts, lists and tensors in its state_dict, or "
            "name its classes by torch.serialization.add_safe_globals"
        ) from error
    except Exception as error:  # Bytes of another program, read as a pickle, may come to anything.
        raise _unreadable(path, error) from error
    if not isinstance(content, dict) or not {"state_dict", "epoch"} <= content.keys():
        raise ValueError(
            f"expected a checkpoint that hardpix fit wrote, found another kind of file, {path}; give best, last or the "
            "path of a checkpoint of this run as --checkpoint"
        )
    require_weights(content, path)
    content["state_dict"] = with_names_of_today(content["state_dict"])
    return content


def _another(path: Path) -> str:
    """Advice: another checkpoint of the same run, by its name."""
    for name in ("best", "last"):
        if (path.parent / f"{name}.ckpt").is_file() and path.name != f"{name}.ckpt":
            return f"give another one, such as --checkpoint {name}"
    return "give another one as --checkpoint"


def _unreadable(path: Path, error: Exception) -> ValueError:
    # The rest of torch's message is advice for other errors.
    reason = re.split(r"\n|\. ", str(error))[0]
    return ValueError(
        f"expected a checkpoint that hardpix fit wrote, found a file that cannot be read, {path} ({reason}); it "
        f"may be cut off or of another program: {_another(path)}"
    )


def require_whole(path: Path) -> None:
    """Compare the checksum of every part of a checkpoint, which torch does not when it reads one.

    Raises:
        ValueError, OSError: some part is not as it was written, or cannot be read. A file of another format passes.
    """
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as parts:
        if (broken := parts.testzip()) is not None:
            raise ValueError(f"the checksum of its part {broken} differs")


def with_names_of_today(weights: dict[str, Any]) -> dict[str, Any]:
    """Weights of a task by their names today: where there were no recipes, "step" held network and objective.

    Example:
        >>> with_names_of_today({"step.network.model.weight": 1})
        {'recipe.network.model.weight': 1}
    """
    return {f"recipe.{name[5:]}" if name.startswith("step.") else name: value for name, value in weights.items()}


def load_weights(module: nn.Module, weights: dict[str, Any], otherwise: str) -> None:
    """Put the weights of a checkpoint into a module.

    Raises:
        ValueError: they are those of another one; the message is `otherwise` and what differs.
    """
    try:
        module.load_state_dict(weights)
    except RuntimeError as error:
        # A line names every weight that is missing, of which a network may have hundreds.
        lines = str(error).splitlines()[:6]
        differences = "\n".join(line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]} …" for line in lines)
        raise ValueError(f"{otherwise}\n{differences}") from error
