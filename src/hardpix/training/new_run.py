"""The folder of a run that begins: its own, whoever else begins one at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import count
from pathlib import Path

from hardpix.training.processes import is_first_process
from hardpix.training.run import Run

# Names of runs that are given none.
DATED = "runs/%Y%m%d-%H%M%S"


@contextmanager
def new_run(given: str | None) -> Iterator[Run]:
    """Make and lock the folder of a run; without a name, a new one by date and time.

    A folder by date and time is made by this process alone: where the name is taken, the next one has a number. It is
    removed where nothing was written to it. Whoever starts a run knows what it imports: it is trusted.

    Raises:
        FileExistsError: the given folder is not empty.
        FolderInUse: another process writes to it.
    """
    if given is not None or not is_first_process():
        folder = Run(Path(given or datetime.now().strftime(DATED)), trusted=True)
        with folder.taken():
            folder.require_new()
            yield folder
        return
    path = _made(datetime.now().strftime(DATED))
    try:
        folder = Run(path, trusted=True)
        with folder.taken():
            yield folder
    finally:
        with suppress(OSError):
            path.rmdir()


def _made(name: str) -> Path:
    for number in count(1):
        path = Path(name if number == 1 else f"{name}-{number}")
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            path.mkdir()
            return path
    raise AssertionError
