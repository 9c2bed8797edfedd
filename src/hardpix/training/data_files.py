"""Record of the files that a run learns from, so that it does not go on with others unnoticed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hardpix.data import SegmentationFolder
from hardpix.training.data_module import SegmentationData
from hardpix.training.dataset_split import show
from hardpix.training.more_images import JoinedFolders

# From so many bytes on a line says why the training does not begin yet.
LARGE = 4 * 10**9
# Most files that a message names.
NAMED = 3

Record = dict[str, tuple[int, int, str]]
"""Size in bytes, time of the last change in ns, and checksum, by part/kind/stem."""


def files_of(data: SegmentationData) -> dict[str, Path]:
    """Every file that a training reads, by part/kind/stem; none of data sets in code."""
    train = data.train_set.parts if isinstance(data.train_set, JoinedFolders) else [data.train_set]
    parts = {"train" if number == 1 else f"train_{number}": samples for number, samples in enumerate(train, start=1)}
    parts |= {"val": data.val_set, **data.streams}
    return {
        f"{part}/{kind}/{stem}": path
        for part, samples in parts.items()
        if isinstance(samples, SegmentationFolder)
        for kind, found in samples.files.items()
        for stem, path in found.items()
    }


def record_of(files: Mapping[str, Path]) -> Record:
    """Size, time and checksum of every file; each is read once.

    Raises:
        OSError: one cannot be read.
    """
    paths = list(dict.fromkeys(files.values()))
    stats = {path: path.stat() for path in paths}
    size = sum(found.st_size for found in stats.values())
    if size > LARGE:
        show(f"reading {size / 1e9:.0f} GB once more, for the checksums by which a resumed run knows its data")
    checksums = dict(zip(paths, _checksums(paths), strict=True))
    return {key: (stats[path].st_size, stats[path].st_mtime_ns, checksums[path]) for key, path in sorted(files.items())}


def compare_files(before: Record, files: Mapping[str, Path]) -> tuple[Record, list[str]]:
    """The record of files as they are now, and in words the differences from an earlier one.

    A file of the same size and time passes for the same. The content of others decides: one that was copied or touched
    is the same.

    Raises:
        OSError: one cannot be read.
    """
    differences = [f"{key}: no longer there" for key in before if key not in files]
    differences += [f"{path}: was not there ({key})" for key, path in files.items() if key not in before]
    now: Record = {}
    doubtful = {}
    for key, path in files.items():
        found = path.stat()
        size, time, checksum = before.get(key, (-1, -1, ""))
        now[key] = (found.st_size, found.st_mtime_ns, checksum)
        if (found.st_size, found.st_mtime_ns) != (size, time):
            doubtful[key] = path
    for key, checksum in zip(doubtful, _checksums(doubtful.values()), strict=True):
        if key in before and checksum != before[key][2]:
            sizes = f"{before[key][0]} bytes before, {now[key][0]} now"
            differences.append(f"{doubtful[key]}: other content ({sizes})")
        now[key] = (*now[key][:2], checksum)
    return now, differences


def require_same_files(run: Path, before: Record | None, files: Mapping[str, Path], accepted: bool) -> Record:
    """A resumed run learns from the files that it was started with.

    Args:
        run: its folder, for messages.
        before: its record; None of runs of earlier versions, whose files cannot be compared.
        files: as they are now.
        accepted: go on with others, which are listed.

    Returns:
        The record of the files as they are now.

    Raises:
        ValueError: some are others.
    """
    if before is None:
        return record_of(files)
    now, differences = compare_files(before, files)
    if not differences:
        return now
    more = f"\n  and {len(differences) - NAMED} more" if len(differences) > NAMED else ""
    listed = "".join(f"\n  {line}" for line in differences[:NAMED]) + more
    found = f"{len(differences)} of {len(before)} files that {run} was started with are others now:{listed}"
    if not accepted:
        raise ValueError(
            f"expected the data as it was, found that {found}\n  what to do: put them back, start a new run, or go on "
            "with what is there now: --accept_changed_data"
        )
    show(f"the run goes on with changed data: {found}")
    return now


def _checksums(paths: Iterable[Path]) -> list[str]:
    # Reading and hashing both leave Python's lock.
    with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        return list(pool.map(_checksum, paths))


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
