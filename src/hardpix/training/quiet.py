"""Silence for what Lightning says and no reader of the screen can act on."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from torch import nn

from hardpix.teachers import Teacher

CHATTER = (
    # A change of torch's insides that Lightning has not followed yet.
    r".*isinstance\(treespec, LeafSpec\)",
    # Few batches an epoch: their losses are in the line of the epoch.
    r"The number of training batches \(\d+\) is smaller than the logging interval",
    # As many workers as there are cores is the default; fewer were asked for.
    r"The '.*_dataloader' does not have many workers",
    r"Consider setting `persistent_workers=True`",
    # A resumed run writes its checkpoints where the earlier part did.
    r"Checkpoint directory .* exists and is not empty",
    # Without validation there is no best; the end of the training says so.
    r"`ModelCheckpoint\(monitor='val/miou'\)` could not find the monitored key",
)

EVALUATING = r"Found \d+ module\(s\) in eval mode at the start of training"


def expected_of(recipe: nn.Module) -> list[str]:
    """Warnings that say nothing of this recipe: modules in evaluation mode where all of them are teachers', as meant.

    Example:
        >>> from hardpix.objectives import WeightedCrossEntropy
        >>> from hardpix.recipes import Supervised
        >>> from hardpix.teachers import Frozen
        >>> recipe = Supervised(WeightedCrossEntropy(), Frozen(nn.Conv2d(3, 2, 1)))
        >>> len(expected_of(recipe)), len(expected_of(nn.Dropout().eval()))
        (1, 0)
    """
    of_teachers = {inside for part in recipe.modules() if isinstance(part, Teacher) for inside in part.modules()}
    others = [part for part in recipe.modules() if part not in of_teachers]
    return [EVALUATING] if all(part.training for part in others) else []


@contextmanager
def quiet(also: Iterable[str] = ()) -> Iterator[None]:
    """Lightning's warnings stay, its information and tips go; nothing changes for the code outside.

    Args:
        also: patterns of further warnings to silence.
    """
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        for message in (*CHATTER, *also):
            warnings.filterwarnings("ignore", message)
        for logger in loggers:
            logger.setLevel(logging.WARNING)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
