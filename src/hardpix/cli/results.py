"""Folders that results are written to."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hardpix.cli.problem_list import NAME, write_problems
from hardpix.data.errors import Problem

# In every folder of results: what made it, and which files it wrote.
RECORD = "hardpix.json"
# Files of predict, label and mine: a table has its maps in the folder of its name.
_OURS = re.compile(
    r"labels/.+\.png|overlays/.+\.jpg|confidence/.+\.png|probabilities/.+\.npy|(masks|trust)/.+\.png|classes\.yaml"
)


def prepare_output(
    out: Path,
    files: Iterable[str],
    inputs: Iterable[Path],
    overwrite: bool,
    made_by: Mapping[str, Any],
    problems: Sequence[Problem] = (),
) -> None:
    """Make the folder that results go to, with a record of what made them and of the files that are to come.

    Args:
        out: the folder.
        files: paths within it that will be written.
        inputs: folders that are read.
        overwrite: whether earlier results, which are the files in the record of a folder, may be replaced. Those that
            do not come again are removed, so that no result of another network stays among the new ones.
        made_by: what else is recorded.
        problems: with files that are left out; written to problems.csv if there are any.

    Raises:
        ValueError: the folder is one that is read, lies in one, or holds one; or a result would lie in another, as
            those of a.jpg and of a folder a.png would.
        FileExistsError: it holds something that is not an earlier result, or that may not be replaced; or a link in the
            place of a file or folder of the results.

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
    files = sorted([*files, *[NAME] * bool(problems)])
    _require_apart(files)
    ours = set(earlier or [])
    require_no_links(out, [RECORD, *files, *ours])
    if in_the_way := [file for file in files if file not in ours and (out / file).exists()]:
        raise FileExistsError(
            f"expected only earlier results to be replaced in {out}, found {len(in_the_way)} other files in their "
            f"place, such as {in_the_way[0]}; give another folder, or move them"
        )
    for file in ours.difference([name for name in files if name != NAME]):
        if (out / file).is_file():
            (out / file).unlink()
    out.mkdir(parents=True, exist_ok=True)
    record = json.dumps({**made_by, "files": files}, indent=1, ensure_ascii=False)
    (out / RECORD).write_text(record + "\n", encoding="utf-8")
    if problems:
        write_problems(out / NAME, problems)


def _require_apart(files: Collection[str]) -> None:
    """No file has the name of a folder that another file lies in."""
    folders = {str(folder) for file in files for folder in Path(file).parents}
    if both := sorted(folders.intersection(files)):
        more = f" and {len(both) - 3} more" if len(both) > 3 else ""
        raise ValueError(
            "expected images whose results have own names, found names that would be both a file and a folder: "
            f"{', '.join(both[:3])}{more}, as of an image a.jpg beside a folder a.png: rename the image or the folder"
        )


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


def require_no_links(folder: Path, names: Iterable[str]) -> None:
    """Files in a folder that are written where they seem to be: neither they nor the folders between are links.

    The folder itself may be one.

    Args:
        folder: that is written to.
        names: paths within it.

    Raises:
        FileExistsError: some are links.
    """
    places = {place for name in names for place in (Path(name), *Path(name).parents)} - {Path()}
    if links := sorted(str(place) for place in places if os.path.islink(folder / place)):
        more = f" and {len(links) - 3} more" if len(links) > 3 else ""
        raise FileExistsError(
            f"expected files and folders of its own in {folder}, found links, {', '.join(links[:3])}{more}: nothing is "
            "written through them; remove them, or give another folder"
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


def recorded_files(out: Path) -> list[str] | None:
    """The files in a folder that an earlier command wrote, by its record; None where there is no such record."""
    try:
        record = json.loads((out / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(record, dict) or not {"command", "checkpoint", "files"} <= record.keys():
        return None
    files = record["files"]
    if not isinstance(files, list) or not all(isinstance(file, str) for file in files):
        return None
    tables = {file.removesuffix(".csv") for file in files if re.fullmatch(r"[^/]+\.csv", file)}
    return files if all(_is_ours(file, tables) for file in files) else None


def _is_ours(file: str, tables: Collection[str]) -> bool:
    """True of a path that a command may write to, by its kind and place, whoever has recorded it."""
    first, _, rest = file.partition("/")
    if "\0" in file or any(part in ("", ".", "..") for part in file.split("/")):
        return False
    of_table = first in tables and rest.endswith((".png", ".npy"))
    return bool(_OURS.fullmatch(file)) or of_table or file.removesuffix(".csv") in tables


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
    # A link of that name would be followed.
    partial.unlink(missing_ok=True)
    partial.write_text(text, encoding="utf-8")
    partial.replace(file)
