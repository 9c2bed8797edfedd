"""``hardpix fit``: from the command line and YAML to a trained network in a run folder."""

from __future__ import annotations

import argparse
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ActionConfigFile, ArgumentParser, Namespace
from lightning.pytorch import Trainer, seed_everything
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger

from hardpix.training.data_module import SegmentationData
from hardpix.training.run_folder import RunFolder
from hardpix.training.task import SegmentationTask

DESCRIPTION = """Train a segmentation network on a folder of images and masks.

With nothing but --data.images and --data.masks the classes are found in the masks, blocks of neighbouring files are
held out for validation, and a DDRNet-23-slim learns with learned pixel hardness. Everything can be set here or in YAML
(--config, as often as you like; later ones win). A class of your own is named by class_path, its arguments by
init_args.
"""


def build_parser() -> ArgumentParser:
    """The parser of ``hardpix fit``."""
    parser = ArgumentParser(prog="hardpix fit", description=DESCRIPTION)
    parser.add_argument("-c", "--config", action=ActionConfigFile, help="YAML with any of these settings.")
    parser.add_argument(
        "--run", type=str | None, default=None, help="Folder to write; runs/DATE-TIME if none is given."
    )
    parser.add_argument("--resume", action="store_true", help="Go on with the run in --run from its last checkpoint.")
    parser.add_argument("--seed", type=int, default=0, help="Of weights, order, augmentation and everything else.")
    parser.add_class_arguments(SegmentationData, "data", skip={"seed"})
    parser.add_class_arguments(SegmentationTask, "model", skip={"ignore_index"})
    parser.add_class_arguments(Trainer, "trainer", instantiate=False, skip={"default_root_dir"})
    # The data module's own sampler knows of several processes, and of the seed.
    parser.set_defaults(
        {"trainer.max_epochs": 100, "trainer.use_distributed_sampler": False, "trainer.log_every_n_steps": 10}
    )
    parser.link_arguments("data.num_classes", "model.num_classes", apply_on="instantiate")
    parser.link_arguments("data.class_names", "model.class_names", apply_on="instantiate")
    return parser


def fit(arguments: list[str]) -> RunFolder:
    """Train as the arguments say (see ``hardpix fit --help``).

    Returns:
        The folder that holds the result.

    Raises:
        DataError: whatever is wrong with the data, all of it in one message, before training starts.
        FileExistsError: the run folder holds a run already.
    """
    parser = build_parser()
    settings = parser.parse_args(_with_saved_config(arguments))
    folder = RunFolder(Path(settings.run or datetime.now().strftime("runs/%Y%m%d-%H%M%S")))
    resumed = folder.checkpoint("last") if settings.resume else None
    if folder.config.exists() and not settings.resume:
        raise FileExistsError(
            f"expected a new run folder, found an earlier run in {folder.path}; "
            "give another --run, or --resume to go on with it"
        )
    seed_everything(settings.seed, workers=True, verbose=False)
    ready = parser.instantiate(settings)
    data, task = ready.data, ready.model
    trainer = _build_trainer(ready.trainer, folder)
    if trainer.is_global_zero and not settings.resume:
        _save_settings(parser, settings, data, folder)
    trainer.fit(task, datamodule=data, ckpt_path=resumed, weights_only=False)
    return folder


def _with_saved_config(arguments: list[str]) -> list[str]:
    """A resumed run starts from its own saved settings, so that nothing has to be said twice."""
    early = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    early.add_argument("--run")
    early.add_argument("--resume", action="store_true")
    known, _ = early.parse_known_args(arguments)
    if not known.resume:
        return arguments
    if known.run is None:
        raise ValueError("--resume needs --run with the folder of the run to go on with")
    RunFolder(Path(known.run)).read_config()
    return ["--config", str(RunFolder(Path(known.run)).config), *arguments]


def _build_trainer(settings: Namespace, folder: RunFolder) -> Trainer:
    given: dict[str, Any] = settings.as_dict()
    logger: Logger | list[Logger] | bool | None = given.pop("logger")
    if logger is None or logger is True:
        # A resumed run logs beside its earlier part: the loggers start their files anew.
        parts = len(list(folder.logs.glob("part_*")))
        logger = [
            kind(folder.path, name=folder.logs.name, version=f"part_{parts}") for kind in (CSVLogger, TensorBoardLogger)
        ]
    callbacks = given.pop("callbacks") or []
    callbacks = list(callbacks) if isinstance(callbacks, list) else [callbacks]
    if given["enable_checkpointing"] is not False:
        callbacks.append(
            ModelCheckpoint(
                folder.checkpoints,
                filename="best",
                monitor="val/miou",
                mode="max",
                save_last=True,
                enable_version_counter=False,
            )
        )
    if logger:
        callbacks.append(LearningRateMonitor(logging_interval="epoch"))
    return Trainer(**given, logger=logger, callbacks=callbacks, default_root_dir=folder.path)


def _save_settings(parser: ArgumentParser, settings: Namespace, data: SegmentationData, folder: RunFolder) -> None:
    folder.path.mkdir(parents=True, exist_ok=True)
    folder.classes.write_text(yaml.safe_dump(data.classes.to_dict(), sort_keys=False, allow_unicode=True))
    saved = settings.clone()
    saved.pop("resume", None)
    saved.pop("run", None)
    folder.config.write_text(parser.dump(saved, skip_validation=True))
