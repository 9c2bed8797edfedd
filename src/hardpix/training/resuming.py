"""Checks that a run can be resumed, before a file of the run is touched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from shlex import quote
from typing import Any, NamedTuple

from lightning.pytorch import Trainer
from rich.markup import escape

from hardpix.cli.errors import UsageError
from hardpix.data import ClassTable
from hardpix.data.wording import counted
from hardpix.training.checkpoints import UnsafeCheckpoint, load_weights, read_checkpoint
from hardpix.training.data_module import SegmentationData
from hardpix.training.dataset_split import show
from hardpix.training.lightning_private import is_restoring
from hardpix.training.run import Run
from hardpix.training.run_files import RESTORE, require_progress
from hardpix.training.task import SegmentationTask


def require_same_split(folder: Run, data: SegmentationData) -> None:
    """A resumed run trains on the images that it was started with.

    Raises:
        ValueError: other files are trained on, or held out, than before.
    """
    before = folder.read_split()
    if before is None or data.split is None:
        return
    stems = [{name: set(part["stems"]) for name, part in parts.items()} for parts in (before, data.split)]
    names = {name for parts in stems for name in parts}
    changed = {stem for name in names for stem in stems[0].get(name, set()) ^ stems[1].get(name, set())}
    if changed:
        shown = ", ".join(sorted(changed)[:5]) + (" …" if len(changed) > 5 else "")
        raise ValueError(
            f"expected the images that {folder.path} was started with, found others ({shown}): what was held out "
            "might now be trained on; put the folders back as they were, or start a new run"
        )


def require_same_classes(folder: Run, data: SegmentationData) -> None:
    """A resumed run learns the classes that it was started with; what is unlabeled may have changed.

    Raises:
        ValueError: others stand in the masks or in the class table.
    """
    before, now = (_learned(table) for table in (folder.read_classes(), data.classes))
    changed = next(((old, new) for old, new in zip_longest(before, now) if old != new), None)
    if changed is not None:
        old, new = ("none" if entry is None else entry for entry in changed)
        raise ValueError(
            f"expected the classes that {folder.path} was started with ({folder.classes}), found {new} in place of "
            f"{old}: put the masks or the class table back as they were, or start a new run"
        )
    tree, given = folder.read_classes().tree, data.classes.tree
    # Runs of before have none: nothing in them can have learned from one.
    if tree is not None and given != tree:
        found = "none" if given is None else given.groups
        raise ValueError(
            f"expected the class tree that {folder.path} was started with ({tree.groups}), found {found}: put the "
            "tree back in the class table as it was, or start a new run"
        )


def _learned(table: ClassTable) -> list[Any]:
    return [*table.to_dict()["classes"], {"threshold": table.threshold, "palette": table.palette}]


def require_same_images(folder: Run, data: SegmentationData) -> None:
    """A resumed run reads its images as before: the same bands, and the same numbers as black and white.

    Raises:
        ValueError: they are read otherwise.
    """
    before, now = folder.read_image_format().to_dict(), data.image_format.to_dict()
    for name in ("bands", "value_range"):
        if before[name] != now[name]:
            raise ValueError(
                f"expected images read as {folder.path} was started with, {name} {before[name]}, found {now[name]}: "
                "leave the setting and the training images as they were, or start a new run"
            )


def require_same_optimizer(folder: Run, optimizer: str) -> None:
    """A resumed run has the kind of optimizer whose state its checkpoint holds; its rates may have changed.

    Args:
        folder: of the run.
        optimizer: class path of the one to go on with.

    Raises:
        ValueError: it was started with another one.
    """
    setting = folder.read_config()["model"].get("optimizer")
    before = setting.get("class_path") if isinstance(setting, dict) else setting
    if before != optimizer:
        raise ValueError(
            f"expected the optimizer that {folder.path} was started with, {before}, found {optimizer}: the state of "
            "one is none of the other; leave it as it was, or start a new run"
        )


def readable_checkpoint(folder: Run) -> Path:
    """The first checkpoint of a run that can be read: the last, the one before it, or the best. Another says so.

    Raises:
        FileNotFoundError: there is none.
        ValueError: none can be read, or one holds code.
    """
    paths = folder.checkpoints_to_resume()
    if not paths:
        return folder.checkpoint("last")
    broken = []
    for path in paths:
        try:
            step = read_checkpoint(path).get("global_step")
        except UnsafeCheckpoint:
            # A user who goes on from another one shall know why.
            raise
        except ValueError as error:
            broken.append(str(error))
            continue
        if path != folder.checkpoints / "last.ckpt":
            why = "\n".join(broken) or f"there is no {folder.checkpoints / 'last.ckpt'}"
            show("[yellow]Warnings[/yellow]", escape(f"{why}\nthe run goes on from {path}, step {step}"))
        return path
    raise ValueError("\n".join(broken))


class Done(NamedTuple):
    """The training behind a checkpoint: whole epochs, and steps of the optimizer."""

    epochs: int
    steps: int


def require_checkpoint(folder: Run, path: Path, task: SegmentationTask, max_epochs: int | None) -> Done:
    """A checkpoint is one that a training of the task can go on from.

    Returns:
        The training behind it.

    Raises:
        ValueError: it has the weights of another network or objective, or more epochs behind it.
    """
    last = read_checkpoint(path)
    # Whole epochs: one that was broken off is gone on with.
    done = require_progress(last, path)
    if max_epochs is not None and 0 <= max_epochs < done:
        raise ValueError(
            f"expected at least the {counted(done, 'epoch')} that {folder.path} has behind it as "
            f"--trainer.max_epochs, found {max_epochs}"
        )
    load_weights(
        task,
        last["state_dict"],
        f"expected the network and objective that {folder.path} was started with, of which {path} has the weights, "
        "found others; leave these settings as they were, or start a new run",
    )
    return Done(done, last["global_step"])


@contextmanager
def restored(trainer: Trainer, path: Path | None) -> Iterator[None]:
    """Around a training that goes on from a checkpoint: what cannot be restored is an error of that file.

    Raises:
        UsageError: the state of optimizer, schedule, callbacks or data is none that they can take.
    """
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        # Lightning keeps the content until all of it is restored.
        if path is None or isinstance(error, UsageError) or not is_restoring(trainer):
            raise
        raise UsageError(
            f"expected the state of a training in {path}, found one that cannot be restored: "
            f"{type(error).__name__}: {str(error).partition(chr(10))[0]}; {RESTORE}"
        ) from error


def nothing_left(folder: Run, done: Done, max_epochs: int | None, max_steps: int) -> str | None:
    """Sentence on a run that is at its end, and how to train it longer; None where there is more to train.

    Args:
        folder: of the run.
        done: the training behind it.
        max_epochs: number of epochs to train; None or negative without such an end.
        max_steps: number of steps to train; negative likewise.

    Example:
        >>> from pathlib import Path
        >>> print(nothing_left(Run(Path("runs/a")), Done(1, 20), 1, -1))
        runs/a has finished its 1 epoch; to train longer: hardpix fit --run runs/a --resume --trainer.max_epochs 2 (or \
more; the learning rate goes on as in a training of that length)
    """
    if max_epochs is not None and 0 <= max_epochs <= done.epochs:
        end, longer = counted(done.epochs, "epoch"), f"--trainer.max_epochs {2 * done.epochs}"
    elif 0 <= max_steps <= done.steps:
        end, longer = counted(done.steps, "step"), f"--trainer.max_steps {2 * done.steps}"
    else:
        return None
    return (
        f"{folder.path} has finished its {end}; to train longer: hardpix fit --run {quote(str(folder.path))} --resume "
        f"{longer} (or more; the learning rate goes on as in a training of that length)"
    )
