"""Room on the disk that the runs of a study take."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

KEPT = "each keeps its best and its last checkpoint and a report, which has pictures for the first seed alone"


def room_needed(study: Path, done: Sequence[Path], to_do: int) -> str:
    """Sentence on what the runs to come will take, by those that are there, and on what is free.

    Args:
        study: the folder of the study, which exists.
        done: the folders of finished runs.
        to_do: number of the runs to come.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     room_needed(Path(folder), [], 4).partition("; ")[0] == KEPT
        True
    """
    free = f"{shutil.disk_usage(study).free / 2**30:.1f} GiB are free on the disk"
    sizes = [size for run in done if (size := size_of(run))]
    if not sizes:
        return f"{KEPT}; {free}"
    each = sum(sizes) / len(sizes)
    return f"{KEPT}; about {each * to_do / 2**30:.2g} GiB in all, by {each / 2**20:.0f} MiB of a finished one; {free}"


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder; 0 where it is gone."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink())
