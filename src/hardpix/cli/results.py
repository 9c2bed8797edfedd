"""Folders that results are written to."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from stat import S_ISREG
from typing import Any

from hardpix.cli.folder_lock import OWN
from hardpix.data.whole_files import whole_file

# In every folder of results: what made it, and which files it wrote.
RECORD = "hardpix.json"
# Bytes of the largest JSON that is read: the record of millions of images.
LARGEST = 2**30
# Files of commands: a table has its maps in the folder of its name.
_OURS = re.compile(
    r"labels/.+\.png|(hardness_)?overlays/.+\.jpg|legend\.png|confidence/.+\.png|probabilities/.+\.npy|trust/.+\.png|classes\.yaml"
    r"|masks/.+\.(?i:png|tiff?|bmp|npy|webp)|changes/.+\.png|pictures/\d+(\.score|_doubt)?\.(jpg|png)|index\.html|page\.(css|js)|data\.js"
    r"|ask/.+\.png|cvat\.xml|label_studio\.(json|xml)"
    rf"|proposals\.json|summary\.json|{re.escape(OWN)}evidence/.+\.npz"
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
    if (
        out.exists()
        and not (overwrite and replaceable)
        and any(not path.name.startswith(OWN) for path in out.iterdir())
    ):
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


def read_json(file: Path) -> Any:
    """Content of a JSON file that may be damaged, or come from anybody.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it cannot be read, as where it is cut off, no regular file, too large, or nested too deeply.
        OSError: the system does not give it.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     file = Path(folder) / "a.json"
        ...     _ = file.write_text("[" * 100_000)
        ...     try:
        ...         read_json(file)
        ...     except ValueError as error:
        ...         print(str(error).replace(folder, ""))
        expected JSON in /a.json, found lists in lists that are too deep
    """
    about = file.stat()
    if not S_ISREG(about.st_mode):
        raise ValueError(f"expected JSON in {file}, found no regular file")
    if about.st_size > LARGEST:
        raise ValueError(f"expected JSON in {file} of at most {LARGEST} bytes, found {about.st_size}")
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError(f"expected JSON in {file}, found lists in lists that are too deep") from None
    except ValueError as error:
        raise ValueError(f"expected JSON in {file}, found something else ({error})") from error


def read_record(out: Path) -> dict[str, Any] | None:
    """Record of the results in a folder: the command, the checkpoint, the files; None where there is none.

    Example:
        >>> read_record(Path("no/such/folder")) is None
        True
    """
    try:
        record = read_json(out / RECORD)
    except (OSError, ValueError):
        return None
    if not isinstance(record, dict) or not {"command", "files"} <= record.keys():
        return None
    files = record["files"]
    if not all(isinstance(record.get(name, ""), str) for name in ("command", "checkpoint")):
        return None
    if not isinstance(files, list) or not all(isinstance(file, str) for file in files):
        return None
    return record if all_ours(files) else None


def all_ours(files: Collection[str]) -> bool:
    """True if commands may write to all of these paths of a folder of results, by their kind and place.

    Example:
        >>> all_ours(["labels/a.png", "hardness.csv", "hardness/a.png"]), all_ours(["setup.py"])
        (True, False)
    """
    tables = {file.removesuffix(".csv") for file in files if re.fullmatch(r"[^/]+\.csv", file)}
    return all(_is_ours(file, tables) for file in files)


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
    with whole_file(file) as written:
        written.write(text.encode("utf-8"))
