"""Lightning's trainer with the callbacks and loggers of a run."""

from __future__ import annotations

from functools import partial
from typing import Any

from jsonargparse import Namespace
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback, LearningRateMonitor
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from lightning.pytorch.plugins.io import TorchCheckpointIO
from lightning.pytorch.strategies import ParallelStrategy

from hardpix.training.checkpoint_io import VerifiedCheckpointIO
from hardpix.training.checkpoints import BestCheckpoint, LastCheckpoint
from hardpix.training.end_request import EndRequest
from hardpix.training.finite import StopWhereNotFinite
from hardpix.training.lightning_private import SubprocessLauncher, set_launcher
from hardpix.training.lost_process import WatchedLauncher
from hardpix.training.plain_progress import PlainProgress
from hardpix.training.run import Run
from hardpix.training.run_record import RunRecord
from hardpix.training.screen import ProgressBar, Report, console
from hardpix.training.seeding import SeedEveryBatch
from hardpix.training.way_on import way_on


def build_trainer(settings: Namespace, seed: int, folder: Run, checkpoint_minutes: float) -> Trainer:
    """The trainer of a run, which writes nothing before the training starts.

    Args:
        settings: of the trainer.
        seed: of every training batch.
        folder: of the run.
        checkpoint_minutes: after which last.ckpt is written within an epoch, too.

    Raises:
        ValueError: a training without an end.
    """
    given: dict[str, Any] = settings.as_dict()
    if given["max_epochs"] in (None, -1) and given["max_steps"] == -1:
        raise ValueError(
            "expected a training of known length, over which the learning rate falls, found none; give "
            "--trainer.max_epochs or --trainer.max_steps"
        )
    logger: Logger | list[Logger] | bool | None = given.pop("logger")
    if logger is None or logger is True:
        # A resumed run logs beside its earlier part: the loggers start their files anew.
        parts = len(list(folder.logs.glob("part_*")))
        logger = [
            kind(folder.path, name=folder.logs.name, version=f"part_{parts}") for kind in (CSVLogger, TensorBoardLogger)
        ]
    own = given.pop("callbacks") or []
    callbacks: list[Callback] = [*own] if isinstance(own, list) else [own]
    callbacks += [SeedEveryBatch(seed), StopWhereNotFinite(folder.path, seed), RunRecord(folder.record)]
    if logger:
        callbacks.append(LearningRateMonitor(logging_interval="epoch"))
    if given["enable_progress_bar"] is None:
        given["enable_progress_bar"] = console.is_terminal
        if not console.is_terminal:
            callbacks.append(PlainProgress(console))
    if given["enable_progress_bar"]:
        callbacks.append(ProgressBar())
    best, request = None, EndRequest()
    if given["enable_checkpointing"] is not False:
        best = BestCheckpoint(folder.checkpoints)
        # The last comes after the best, so that it holds its state.
        callbacks += [best, LastCheckpoint(folder.checkpoints, checkpoint_minutes, request)]
    callbacks[:0] = [Report(folder, best), request]
    given["enable_model_summary"] = bool(given["enable_model_summary"])
    trainer = Trainer(**given, logger=logger, callbacks=callbacks, default_root_dir=folder.path)
    if given.get("sync_batchnorm") and isinstance(trainer.strategy, ParallelStrategy):
        _require_synchronized(trainer.strategy.root_device.type)
    # Strategies that write their own shards, and a plugin of the user's own, stay as they are.
    if type(trainer.strategy.checkpoint_io) is TorchCheckpointIO:
        trainer.strategy.checkpoint_io = VerifiedCheckpointIO(partial(way_on, folder))
    if type(trainer.strategy.launcher) is SubprocessLauncher:
        set_launcher(trainer.strategy, WatchedLauncher(trainer.strategy.launcher, folder))
    return trainer


def _require_synchronized(device: str) -> None:
    """Refuse a device on which torch has no synchronized batch normalization: the processes would wait for each other.

    Raises:
        ValueError: it is the CPU.
    """
    if device == "cpu":
        raise ValueError(
            "expected a GPU for --trainer.sync_batchnorm true, found cpu, where torch cannot synchronize batch "
            "normalization; leave it out (its statistics are then those of each process), or give "
            "--trainer.accelerator gpu"
        )
