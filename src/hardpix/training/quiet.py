"""Silence for what Lightning says and no reader of the screen can act on."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

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
    # Teachers run in evaluation mode, as they should.
    r"Found \d+ module\(s\) in eval mode at the start of training",
    # Without validation there is no best; the end of the training says so.
    r"`ModelCheckpoint\(monitor='val/miou'\)` could not find the monitored key",
)


@contextmanager
def quiet() -> Iterator[None]:
    """Lightning's warnings stay, its information and tips go; nothing changes for the code outside."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        for message in CHATTER:
            warnings.filterwarnings("ignore", message)
        for logger in loggers:
            logger.setLevel(logging.WARNING)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
