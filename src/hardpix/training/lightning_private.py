"""Names of Lightning that are not public, all that hardpix uses: another version may have renamed them.

`tests/training/test_private_parts_of_lightning.py` says which.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning.fabric.utilities.cloud_io import _is_local_file_protocol as is_local
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.strategies import Strategy
from lightning.pytorch.strategies.launchers import _SubprocessScriptLauncher as SubprocessLauncher

__all__ = ["SubprocessLauncher", "is_local", "is_restoring", "save", "set_launcher", "uncount_step"]


def set_launcher(strategy: Strategy, launcher: SubprocessLauncher) -> None:
    """Let another launcher start the processes of a training."""
    strategy._launcher = launcher


def is_restoring(trainer: Trainer) -> bool:
    """True while a checkpoint is read and some of its state is not restored yet."""
    return bool(trainer._checkpoint_connector._loaded_checkpoint)


def save(callback: ModelCheckpoint, trainer: Trainer, path: Path) -> None:
    """Write a checkpoint at any moment, with the callback's notes of it."""
    callback._save_checkpoint(trainer, str(path))


def uncount_step(loop: dict[str, Any]) -> None:
    """Count one step less in the state of a fit loop, in place: whether a validation is due is told by that count.

    Args:
        loop: as a checkpoint has it.
    """
    loop["epoch_loop.state_dict"]["_batches_that_stepped"] -= 1
