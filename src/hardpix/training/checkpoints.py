"""Checkpoints of a training: which weights are kept, and how they are read again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import nn


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
    """Keeps the weights after every epoch as last.ckpt, to go on from.

    Not the best's own ``save_last``: that writes nothing in an epoch that is not better. Nor is anything kept within
    an epoch, or after one that was cut short, as by ``max_time``. The order of the images begins anew with every epoch,
    so only its end can be gone on from.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, filename="last", enable_version_counter=False, save_on_train_epoch_end=True)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Where a number of steps was asked for, what they came to is the result.
        if trainer.is_last_batch or trainer.global_step == trainer.max_steps:
            super().on_train_epoch_end(trainer, pl_module)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        # It has one file, in its own folder, whatever came before.
        pass


def read_checkpoint(path: Path, *, weights_only: bool) -> dict[str, Any]:
    """Contents of a checkpoint of ``hardpix fit``, on the CPU.

    Raises:
        ValueError: the file cannot be read, or holds something else.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=weights_only)
    except Exception as error:  # Bytes of another program, read as a pickle, may come to anything.
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"expected a checkpoint that hardpix fit wrote, found a file that cannot be read, {path} ({reason}); it "
            "may be cut off or of another program: give another one as --checkpoint"
        ) from error
    if not isinstance(content, dict) or not {"state_dict", "epoch"} <= content.keys():
        raise ValueError(
            f"expected a checkpoint that hardpix fit wrote, found another kind of file, {path}; give best, last or the "
            "path of a checkpoint of this run as --checkpoint"
        )
    if any(name.startswith("step.") for name in content["state_dict"]):
        raise ValueError(
            f"expected a checkpoint of this version of hardpix, found one from before there were recipes, {path}: its "
            "weights have other names; use it with the version that wrote it, or train anew"
        )
    return content


def load_weights(module: nn.Module, weights: dict[str, Any], otherwise: str) -> None:
    """Put the weights of a checkpoint into a module.

    Raises:
        ValueError: they are those of another one; the message is `otherwise` and what differs.
    """
    try:
        module.load_state_dict(weights)
    except RuntimeError as error:
        differences = "\n".join(str(error).splitlines()[:6])
        raise ValueError(f"{otherwise}\n{differences}") from error
