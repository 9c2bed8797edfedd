"""``hardpix fit``: from the command line and YAML to a trained network in a run folder."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
import yaml
from jsonargparse import Namespace
from lightning.pytorch import Trainer, seed_everything
from lightning.pytorch.callbacks import Callback, LearningRateMonitor
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from rich.markup import escape

from hardpix.cli.arguments import ParagraphsFormatter, Parser, checked_input, explain
from hardpix.cli.config_file import ConfigFile
from hardpix.cli.errors import UsageError
from hardpix.cli.moved import with_new_places
from hardpix.cli.results import require_no_links
from hardpix.data import MAPS, DataError, describe
from hardpix.training.checkpoints import BestCheckpoint, LastCheckpoint
from hardpix.training.data_module import SegmentationData
from hardpix.training.folders import show
from hardpix.training.quiet import quiet
from hardpix.training.resuming import (
    require_checkpoint,
    require_same_classes,
    require_same_images,
    require_same_optimizer,
    require_same_split,
)
from hardpix.training.run_folder import RunFolder, group
from hardpix.training.run_record import RunRecord
from hardpix.training.screen import ProgressBar, Report, console
from hardpix.training.seeding import SeedEveryBatch
from hardpix.training.task import SegmentationTask
from hardpix.training.trust import RISKY, known_imports_alone, require_trusted

DESCRIPTION = """Train a segmentation network on a folder of images and masks.

With nothing but --data.images and --data.masks the classes are found in the masks, blocks of neighboring files are
held out for validation, and a DDRNet-23-slim learns with learned pixel hardness.

Everything can be set here or in YAML (--config, as often as you like; later ones win), and --print_config shows it all.
A class of your own is named by its path, such as --model.network my_module.MyNet, and its arguments by
--model.network.NAME VALUE, or by class_path and init_args in YAML; --model.network.help my_module.MyNet lists them.
"""


# Lightning converts weights and images before validation sees them.
HALF = ("bf16-true", "16-true")
HALF_WEIGHTS = (
    "precision {} validates in half precision, and hardpix test computes in float32: their scores differ slightly; "
    "bf16-mixed gives the same scores in both"
)

BATCH_LIMITS = {
    "limit_train_batches": "Number of training batches in an epoch, or with a decimal point the share of them.",
    "limit_val_batches": "The same for validation.",
}


def build_parser() -> Parser:
    """The parser of ``hardpix fit``."""
    parser = Parser(
        prog="hardpix fit",
        description=DESCRIPTION,
        formatter_class=ParagraphsFormatter,
        usage="hardpix fit --data.images DIR --data.masks DIR [options]\n       hardpix fit --config YAML [options]",
    )
    parser.add_argument("-c", "--config", action=ConfigFile, help="YAML with any of these settings.")
    parser.add_argument(
        "--run", type=str | None, default=None, help="Folder to write; runs/DATE-TIME if none is given."
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="Go on with the run in --run from its last checkpoint, with its settings; the result is that of a run "
        "that was never interrupted.",
    )
    parser.add_argument(
        "--trust_run",
        "--trust-run",
        action="store_true",
        help="With --resume: classes of any module may be imported that the run names; for your own runs and those of "
        "people you trust.",
    )
    parser.add_argument(
        "--checkpoint_minutes",
        type=float,
        default=10.0,
        help="Minutes after which last.ckpt is written within an epoch, too; at the end of each it always is.",
    )
    parser.add_argument("--seed", type=int, default=0, help="Of weights, order, augmentation and everything else.")
    parser.add_class_arguments(SegmentationData, "data")
    parser.add_class_arguments(SegmentationTask, "model")
    _add_trainer(parser)
    # The data module's own sampler knows of several processes, and of the seed.
    parser.set_defaults(
        {"trainer.max_epochs": 100, "trainer.use_distributed_sampler": False, "trainer.log_every_n_steps": 10}
    )
    parser.link_arguments("seed", "data.seed")
    parser.link_arguments("data.ignore_index", "model.ignore_index")
    parser.link_arguments("data.num_classes", "model.num_classes", apply_on="instantiate")
    parser.link_arguments("data.channels", "model.in_channels", apply_on="instantiate")
    parser.link_arguments("data.class_names", "model.class_names", apply_on="instantiate")
    return parser


def _add_trainer(parser: Parser) -> None:
    parser.add_class_arguments(Trainer, "trainer", instantiate=False, skip={"default_root_dir", *BATCH_LIMITS})
    # 1 is one batch, 1.0 is all of them. Lightning writes Union[int, float], of which typing makes Union[float, int]
    # where some other package has said so before, and the 1 of a command line would be read as 1.0.
    limits = parser.add_argument_group("How many batches an epoch has")
    for name, text in BATCH_LIMITS.items():
        limits.add_argument(f"--trainer.{name}", type=int | float | None, default=None, help=text)


def fit(arguments: list[str]) -> RunFolder:
    """Train as the arguments say (see ``hardpix fit --help``).

    Returns:
        The folder that holds the result.

    Raises:
        UsageError: settings, data or a network that cannot be used, or a run folder that is taken, before anything is
            written.
    """
    with checked_input(MisconfigurationException, ModuleNotFoundError), quiet(), ExitStack() as imports:
        parser = build_parser()
        words, earlier = _with_saved_config(with_new_places(arguments))
        if earlier is not None and not earlier.trusted:
            imports.enter_context(known_imports_alone(earlier.read_config(), earlier.path, " ".join(arguments)))
        settings = _with_whole_paths(_parse(parser, words))
        # Whoever has started a run knows what it imports.
        folder = RunFolder(Path(settings.run or datetime.now().strftime("runs/%Y%m%d-%H%M%S")), trusted=True)
        resumed = folder.checkpoint("last") if settings.resume else None
        if resumed is None:
            folder.require_new()
        elif earlier is not None and not earlier.trusted:
            inside = (path.relative_to(folder.path) for path in folder.path.rglob("*") if path.is_symlink())
            require_no_links(folder.path, map(str, inside))
        seed_everything(settings.seed, workers=True, verbose=False)
        ready = _instantiate(parser, settings)
        data, task = ready.data, ready.model
        folder.require_outside(data.folders)
        if resumed is not None:
            require_same_optimizer(folder, settings.model.optimizer.class_path)
            require_same_split(folder, data)
            require_same_classes(folder, data)
            require_same_images(folder, data)
            data.first_epoch = require_checkpoint(folder, task, settings.trainer.max_epochs)
        _dry_run(task, data)
        useless = task.unused_settings(data.maps_asked_for)
        useless += [
            f"the {len(data.streams[name])} images of the stream {name} are not used: {type(task.recipe).__name__} "
            "does not want them; SelfTraining and other recipes do (--model.recipe)"
            for name in data.unwanted
        ]
        if useless:
            show("[yellow]Warnings[/yellow]", *map(escape, useless))
        trainer = _build_trainer(ready.trainer, settings.seed, folder, settings.checkpoint_minutes)
        if trainer.precision in HALF:
            show("[yellow]Warnings[/yellow]", escape(HALF_WEIGHTS.format(trainer.precision)))
        if trainer.is_global_zero:
            saved = settings.clone()
            saved.pop("resume", None)
            saved.pop("run", None)
            saved.pop("trust_run", None)
            folder.save(parser.dump(saved, skip_validation=True, skip_unset=False), data)
    with quiet():
        try:
            lacking = {f"images_without_{key}": len(stems) for key, stems in data.lacking.items() if stems}
            for logger in trainer.loggers if lacking else ():
                logger.log_hyperparams(lacking)
            trainer.fit(task, datamodule=data, ckpt_path=resumed, weights_only=True)
        except SystemExit:
            # Lightning raises this after Ctrl-C.
            if trainer.interrupted:
                raise KeyboardInterrupt from None
            raise
    return folder


def read_settings(arguments: list[str]) -> tuple[Namespace, dict[str, Any]]:
    """The settings that ``hardpix fit`` would have, as its parser has them and as a run's config.yaml would.

    Raises:
        UsageError: arguments or files of settings that are wrong, unknown keys too.
    """
    with checked_input():
        parser = build_parser()
        settings = _parse(parser, with_new_places(arguments))
        if parser.unknown_keys:
            raise UsageError(describe(parser.unknown_keys))
        return settings, yaml.safe_load(parser.dump(settings, skip_validation=True, skip_unset=False))


def try_settings(settings: Namespace, data: SegmentationData | None = None) -> SegmentationData:
    """Check data and trainer, build the network and look at one batch, as ``hardpix fit`` does before it trains.

    Args:
        settings: of `read_settings`.
        data: of other settings with the same data; without it the files are read.

    Returns:
        The data.

    Raises:
        UsageError: settings, data, a network or a trainer that cannot be used.
    """
    with checked_input(MisconfigurationException, ModuleNotFoundError), quiet():
        seed_everything(settings.seed, workers=True, verbose=False)
        if data is None:
            ready = _instantiate(build_parser(), settings)
            data, task = ready.data, ready.model
        else:
            task = _task_alone(settings, data.class_names, data.channels)
        _dry_run(task, data)
        # Loggers and checkpoints write nothing before the training starts.
        _build_trainer(
            _trainer_alone(settings), settings.seed, RunFolder(Path("untrained")), settings.checkpoint_minutes
        )
    return data


def _dry_run(task: SegmentationTask, data: SegmentationData) -> None:
    task.prepare(data)
    task.dry_run(data.first_batches(), one_image_a_step=data.images_a_step == 1, map_kinds=data.map_kinds)


def _with_saved_config(arguments: list[str]) -> tuple[list[str], RunFolder | None]:
    """A resumed run starts from its own saved settings, so that nothing has to be said twice; they are checked first.

    Returns:
        The words of the command line with these settings before them, and the run to go on with.

    Raises:
        UntrustedRun: the settings would run other code, and the run is not trusted.
    """
    early = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    early.add_argument("--run")
    early.add_argument("--resume", action="store_true")
    early.add_argument("--trust_run", "--trust-run", action="store_true")
    known, _ = early.parse_known_args(arguments)
    if not known.resume:
        return arguments, None
    if known.run is None:
        raise ValueError("--resume needs --run with the folder of the run to go on with")
    folder = RunFolder(Path(known.run), known.trust_run)
    config = folder.read_config()
    if not folder.trusted:
        for name in ("model", "data", "trainer"):
            group(config, name)
    require_trusted(config, folder.path, folder.trusted, risky=(*RISKY, "trust"))
    return ["--config", str(folder.config), *arguments], folder


def _parse(parser: Parser, arguments: list[str]) -> Namespace:
    """The settings; the keys of configuration files that are none do not hide what is wrong with others."""
    try:
        return parser.parse_args(arguments)
    except UsageError as error:
        if not parser.unknown_keys:
            raise
        raise UsageError(f"{describe(parser.unknown_keys)}\nand {error}") from error


# Settings that name a file or folder, if they name any.
PATHS = ("images", "masks", "val_images", "val_masks", "root", *(kind.folder for kind in MAPS.values()))


def _with_whole_paths(settings: Namespace) -> Namespace:
    """The settings as they are saved: whoever goes on with the run may do so from another directory."""
    for name in PATHS:
        if isinstance(settings.data.get(name), str):
            settings.data[name] = str(Path(settings.data[name]).absolute())
    for name, stream in (settings.data.get("streams") or {}).items():
        if stream.get("images"):
            settings.data["streams"][name]["images"] = str(Path(stream["images"]).absolute())
    for name in ("classes", "preset", "labeled_stems"):
        given = settings.data[name]
        if isinstance(given, str) and Path(given).is_file():
            settings.data[name] = str(Path(given).absolute())
    return settings


def _instantiate(parser: Parser, settings: Namespace) -> Namespace:
    """Data and task; all that is wrong with the settings, the files and the network comes in one message."""
    wrong = [describe(parser.unknown_keys)] if parser.unknown_keys else []
    data_error: BaseException | None = None
    try:
        ready = parser.instantiate(settings)
        if not wrong:
            return ready
        wrong += _network_problems(ready.model, settings)
    except ValueError as error:
        data_error = error
        while data_error is not None and not isinstance(data_error, DataError):
            data_error = data_error.__cause__
        wrong.append(explain(error if data_error is None else data_error))
        if data_error is not None and data_error.class_names:
            try:
                wrong += _network_problems(_task_alone(settings, data_error.class_names), settings)
            except ValueError as network_error:
                wrong.append(f"the network does not fit\n  {explain(network_error)}")
    # Its problems may be asked for as a table.
    raise UsageError("\nand ".join(wrong)) from data_error


def _task_alone(settings: Namespace, class_names: Sequence[str], channels: int | None = None) -> SegmentationTask:
    """The task as it would be with data of these classes, without reading the data."""
    parser = Parser()
    parser.add_class_arguments(SegmentationTask, "model")
    model = settings.model.clone()
    names, ignore_index = list(class_names), settings.data.ignore_index
    channels = len(settings.data.bands or (1, 2, 3)) if channels is None else channels
    model.update(Namespace(num_classes=len(names), class_names=names, ignore_index=ignore_index, in_channels=channels))
    return parser.instantiate(Namespace(model=model)).model


def _trainer_alone(settings: Namespace) -> Namespace:
    """The settings of the trainer, with its callbacks and loggers as objects."""
    parser = Parser()
    _add_trainer(parser)
    return parser.instantiate(Namespace(trainer=settings.trainer.clone())).trainer


def _network_problems(task: SegmentationTask, settings: Namespace) -> list[str]:
    try:
        task.check_network(torch.zeros(1, task.in_channels, *(settings.data.crop_size or (256, 256))))
    except ValueError as error:
        return [f"the network does not fit\n  {error}"]
    return []


def _build_trainer(settings: Namespace, seed: int, folder: RunFolder, checkpoint_minutes: float) -> Trainer:
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
    callbacks += [SeedEveryBatch(seed), RunRecord(folder.record)]
    if logger:
        callbacks.append(LearningRateMonitor(logging_interval="epoch"))
    if given["enable_progress_bar"] is None:
        given["enable_progress_bar"] = console.is_terminal
    if given["enable_progress_bar"]:
        callbacks.append(ProgressBar())
    best = None
    if given["enable_checkpointing"] is not False:
        best = BestCheckpoint(folder.checkpoints)
        # The last comes after the best, so that it holds its state.
        callbacks += [best, LastCheckpoint(folder.checkpoints, checkpoint_minutes)]
    callbacks.insert(0, Report(folder, best))
    given["enable_model_summary"] = bool(given["enable_model_summary"])
    return Trainer(**given, logger=logger, callbacks=callbacks, default_root_dir=folder.path)
