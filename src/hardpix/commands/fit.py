"""``hardpix fit``: from the command line and YAML to a trained network in a run folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from signal import SIGINT

import torch
from jsonargparse import Namespace
from lightning.pytorch import seed_everything
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from rich.markup import escape

from hardpix.cli.arguments import Parser, checked_input, explain
from hardpix.cli.ending import EndRequests, Interrupted
from hardpix.cli.errors import UsageError
from hardpix.cli.moved import with_new_places
from hardpix.cli.results import require_no_links
from hardpix.commands.default_recipe import SAID, wants_default_recipe, with_default_recipe
from hardpix.commands.fit_settings import (
    add_trainer,
    build_parser,
    default_in_full,
    names_no_objective,
    option_within_reach,
    parse,
    with_saved_config,
    with_whole_paths,
)
from hardpix.commands.kept_settings import kept_settings
from hardpix.data import DataError, describe
from hardpix.data.sparse import about_sparse
from hardpix.data.whole_files import says_where
from hardpix.networks.default import about_default, as_setting
from hardpix.objectives.default import ABOUT_DEFAULT
from hardpix.training.build_trainer import build_trainer
from hardpix.training.data_files import Record, files_of, record_of, require_same_files
from hardpix.training.data_module import SegmentationData
from hardpix.training.dataset_split import show
from hardpix.training.dry_run import check_network, dry_run, unused_settings
from hardpix.training.new_run import DATED, new_run
from hardpix.training.processes import is_first_process
from hardpix.training.quiet import expected_of, quiet
from hardpix.training.resuming import (
    nothing_left,
    readable_checkpoint,
    require_checkpoint,
    require_same_classes,
    require_same_images,
    require_same_optimizer,
    require_same_split,
    restored,
)
from hardpix.training.run import Run
from hardpix.training.task import SegmentationTask
from hardpix.training.trained_on import doubts_about_labels
from hardpix.training.trust import known_imports_alone
from hardpix.training.way_on import way_on

# Lightning converts weights and images before validation sees them.
HALF = ("bf16-true", "16-true")
HALF_WEIGHTS = (
    "precision {} validates in half precision, and hardpix test computes in float32: their scores differ slightly; "
    "bf16-mixed gives the same scores in both"
)


def fit(arguments: list[str]) -> Run:
    """Train as the arguments say (see ``hardpix fit --help``).

    Returns:
        The folder that holds the result.

    Raises:
        UsageError: settings, data or a network that cannot be used, or a run folder that is taken, before anything is
            written.
    """
    with ExitStack() as until_done:
        prepared = (_nothing_saved(), checked_input(MisconfigurationException, ModuleNotFoundError), quiet())
        with ExitStack() as imports:
            for context in prepared:
                imports.enter_context(context)
            parser = build_parser()
            words, earlier = with_saved_config(with_new_places(arguments))
            if earlier is not None and not earlier.trusted:
                imports.enter_context(known_imports_alone(earlier.read_config(), earlier.path, " ".join(arguments)))
            settings = with_whole_paths(_parsed(parser, words, earlier))
            without_recipe = wants_default_recipe(settings)
            settings = with_default_recipe(parser, settings)
            # The settings have passed the checks of a run, or are of the command line itself.
            folder = Run(Path(settings.run or datetime.now().strftime(DATED)), trusted=True)
            if earlier is not None and not earlier.trusted:
                inside = (path.relative_to(folder.path) for path in folder.path.rglob("*") if path.is_symlink())
                require_no_links(folder.path, map(str, inside))
            if settings.resume:
                until_done.enter_context(folder.taken())
            elif settings.run:
                folder.require_new()
            resumed = readable_checkpoint(folder) if settings.resume else None
            seed_everything(settings.seed, workers=True, verbose=False)
            ready = _instantiate(parser, settings)
            data, task = ready.data, ready.model
            folder.require_outside(data.folders)
            if resumed is not None:
                require_same_optimizer(folder, settings.model.optimizer.class_path)
                require_same_split(folder, data)
                require_same_classes(folder, data)
                require_same_images(folder, data)
                done = require_checkpoint(folder, resumed, task, settings.trainer.max_epochs)
                data.first_epoch = done.epochs
                if said := nothing_left(folder, done, settings.trainer.max_epochs, settings.trainer.max_steps):
                    show(escape(said))
            with option_within_reach(settings):
                _dry_run(task, data)
            if without_recipe:
                show(escape(SAID))
            if settings.model.network is None:
                show(escape(about_default(task.network.model)))
            by_default = names_no_objective(settings.model)
            if data.sparse:
                show(*map(escape, about_sparse(data.opened.labeled_share, data.opened.val_labeled_share, by_default)))
            elif by_default:
                show(escape(ABOUT_DEFAULT))
            useless = unused_settings(task, data.maps_asked_for)
            useless += [
                f"the {len(data.streams[name])} images of the stream {name} are not used: {type(task.recipe).__name__} "
                "does not want them; SelfTraining and other recipes do (--model.recipe)"
                for name in data.unwanted
            ]
            doubts = [*doubts_about_labels(data.folders, data.val_images), *task.doubts_about_validation(data)]
            kept = [] if earlier is None else kept_settings(arguments, earlier.read_config())
            if warnings := [*kept, *useless, *doubts]:
                show("[yellow]Warnings[/yellow]", *map(escape, warnings))
            files = _files(folder, data, resumed is not None, settings.accept_changed_data)
            if resumed is None:
                folder = until_done.enter_context(new_run(settings.run))
            trainer = build_trainer(ready.trainer, settings.seed, folder, settings.checkpoint_minutes)
            if trainer.precision in HALF:
                show("[yellow]Warnings[/yellow]", escape(HALF_WEIGHTS.format(trainer.precision)))
            if trainer.is_global_zero:
                saved = settings.clone()
                saved.pop("resume", None)
                saved.pop("run", None)
                saved.pop("accept_changed_data", None)
                saved.pop("trust_run", None)
                if saved.model.network is None:
                    saved.model.network = as_setting(task.network.model, task.num_classes, task.in_channels)
                if by_default:
                    saved.model.objective = default_in_full(data.sparse)
                folder.save(parser.dump(saved, skip_validation=True, skip_unset=False), data, files)
        with says_where(folder.path), restored(trainer, resumed), _one_speaks(), quiet(expected_of(task.recipe)):
            try:
                lacking = {f"images_without_{key}": len(stems) for key, stems in data.lacking.items() if stems}
                for logger in trainer.loggers if lacking else ():
                    logger.log_hyperparams(lacking)
                trainer.fit(task, datamodule=data, ckpt_path=resumed, weights_only=True)
            except SystemExit:
                # Lightning raises this after Ctrl-C.
                if trainer.interrupted:
                    error = Interrupted(EndRequests.of_command().number or SIGINT)
                    error.add_note(way_on(folder))
                    raise error from None
                raise
    return folder


def _parsed(parser: Parser, words: list[str], earlier: Run | None) -> Namespace:
    try:
        return parse(parser, words)
    except UsageError as error:
        if earlier is None:
            raise
        raise error.reworded(
            f"{error}\nsettings that are not on the command line are those of {earlier.config}"
        ) from error


@contextmanager
def _nothing_saved() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as error:
        error.add_note("no training had begun, and the same command begins it")
        raise


@contextmanager
def _one_speaks() -> Iterator[None]:
    """Lets only the first of several interrupted processes say so."""
    try:
        yield
    except Interrupted as error:
        if is_first_process():
            raise
        raise SystemExit(error.code) from None


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
            task = _task_alone(settings, data.class_names, data.channels, data.sparse)
        with option_within_reach(settings):
            _dry_run(task, data)
        # Loggers and checkpoints write nothing before the training starts.
        build_trainer(_trainer_alone(settings), settings.seed, Run(Path("untrained")), settings.checkpoint_minutes)
    return data


def _files(folder: Run, data: SegmentationData, resumed: bool, accepted: bool) -> Record | None:
    if not is_first_process():
        return None
    files = files_of(data)
    return require_same_files(folder.path, folder.read_files(), files, accepted) if resumed else record_of(files)


def _dry_run(task: SegmentationTask, data: SegmentationData) -> None:
    task.prepare(data)
    dry_run(task, data.first_batches(), one_image_a_step=data.images_a_step == 1, map_kinds=data.map_kinds)


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


def _task_alone(
    settings: Namespace, class_names: Sequence[str], channels: int | None = None, sparse: bool = False
) -> SegmentationTask:
    """The task as it would be with data of these classes, without reading the data."""
    parser = Parser()
    parser.add_class_arguments(SegmentationTask, "model")
    model = settings.model.clone()
    names, ignore_index = list(class_names), settings.data.ignore_index
    channels = len(settings.data.bands or (1, 2, 3)) if channels is None else channels
    model.update(Namespace(num_classes=len(names), class_names=names, ignore_index=ignore_index, in_channels=channels))
    model.sparse = sparse
    return parser.instantiate(Namespace(model=model)).model


def _trainer_alone(settings: Namespace) -> Namespace:
    """The settings of the trainer, with its callbacks and loggers as objects."""
    parser = Parser()
    add_trainer(parser)
    return parser.instantiate(Namespace(trainer=settings.trainer.clone())).trainer


def _network_problems(task: SegmentationTask, settings: Namespace) -> list[str]:
    try:
        check_network(task, torch.zeros(1, task.in_channels, *(settings.data.crop_size or (256, 256))))
    except ValueError as error:
        return [f"the network does not fit\n  {error}"]
    return []
