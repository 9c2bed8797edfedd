"""Folders that results are written to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

# In every folder of results: what made it, and which files it wrote.
RECORD = "hardpix.json"


def prepare_output(
    out: Path, files: Iterable[str], inputs: Iterable[Path], overwrite: bool, made_by: Mapping[str, Any]
) -> None:
    """Make the folder that results go to, with a record of what made them and of the files that are to come.

    Args:
        out: the folder.
        files: paths within it that will be written.
        inputs: folders that are read.
        overwrite: whether earlier results, which are the files in the record of a folder, may be replaced. Those that
            do not come again are removed, so that no result of another network stays among the new ones.
        made_by: what else is recorded.

    Raises:
        ValueError: the folder is one that is read, lies in one, or holds one.
        FileExistsError: it holds something that is not an earlier result, or that may not be replaced.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     out = Path(folder) / "out"
        ...     prepare_output(out, ["labels/a.png"], [], False, {"command": "predict"})
        ...     json.loads((out / RECORD).read_text())
        {'command': 'predict', 'files': ['labels/a.png']}
    """
    earlier = recorded_files(out)
    require_free(out, inputs, overwrite, replaceable=earlier is not None)
    files = sorted(files)
    ours = set(earlier or [])
    if in_the_way := [file for file in files if file not in ours and (out / file).exists()]:
        raise FileExistsError(
            f"expected only earlier results to be replaced in {out}, found {len(in_the_way)} other files in their "
            f"place, such as {in_the_way[0]}; give another folder, or move them"
        )
    for file in ours.difference(files):
        (out / file).unlink(missing_ok=True)
    out.mkdir(parents=True, exist_ok=True)
    record = json.dumps({**made_by, "files": files}, indent=1, ensure_ascii=False)
    (out / RECORD).write_text(record + "\n", encoding="utf-8")


def require_free(
    out: Path, inputs: Iterable[Path], overwrite: bool, *, replaceable: bool, what: str = "results"
) -> None:
    """A folder that may be written to; nothing is written yet.

    Args:
        out: the folder.
        inputs: folders that are read.
        overwrite: whether what `replaceable` says may be replaced.
        replaceable: whether the folder holds earlier results.
        what: is to be written, in words.

    Raises:
        ValueError: the folder is one that is read, lies in one, or holds one.
        FileExistsError: it is a file, or holds something that may not be replaced.
    """
    require_outside(out, inputs, what)
    if out.exists() and not out.is_dir():
        raise FileExistsError(f"expected a folder for the {what}, found a file, {out}; give another name")
    if out.exists() and any(out.iterdir()) and not (overwrite and replaceable):
        way_on = f", or --overwrite to replace the {what} in it" if replaceable else ""
        raise FileExistsError(
            f"expected a new or empty folder for the {what}, found files in {out}; give another one{way_on}"
        )


def require_outside(out: Path, inputs: Iterable[Path], what: str = "results") -> None:
    """Results stay away from the data.

    Raises:
        ValueError: they would go to one of the folders that are read, into it, or around it.
    """
    for folder in inputs:
        if out.resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"expected a folder outside of what is read ({folder}) for the {what}, found {out}")
        if folder.resolve().is_relative_to(out.resolve()):
            raise ValueError(
                f"expected a folder apart from what is read for the {what}, found {out}, which holds {folder}"
            )


def read_record(out: Path) -> dict[str, Any] | None:
    """The record of what made the results in a folder; None where there is none.

    Example:
        >>> read_record(Path("no/such/folder")) is None
        True
    """
    try:
        record = json.loads((out / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    known = isinstance(record, dict) and {"command", "checkpoint", "files"} <= record.keys()
    return record if known else None


def recorded_files(out: Path) -> list[str] | None:
    """The files in a folder that an earlier command wrote, by its record; None where there is no such record."""
    record = read_record(out)
    files = None if record is None else record["files"]
    inside = isinstance(files, list) and all(
        isinstance(file, str) and (out / file).resolve().is_relative_to(out.resolve()) for file in files
    )
    return files if inside else None


def write_whole(file: Path, text: str) -> None:
    """Write a text file so that whoever reads it at the same time never sees half of it; folders are made as needed.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     write_whole(Path(folder) / "runs" / "record.json", "{}")
        ...     [path.name for path in Path(folder).rglob("*.*")]
        ['record.json']
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(file)
