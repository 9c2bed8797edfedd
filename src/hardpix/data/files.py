"""Which files a folder holds, by stem."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from hardpix.data.errors import DataError, Problem

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")
# A jpg changes numbers.
MAP_SUFFIXES = (".png", ".tif", ".tiff", ".bmp", ".npy")


def files_by_stem(
    folder: str | Path, ending: str = "", *, suffixes: Iterable[str] = IMAGE_SUFFIXES, skip: Iterable[Path] = ()
) -> dict[str, list[Path]]:
    """All files below a folder whose name ends as asked, by stem, in natural order.

    Args:
        folder: searched with its subfolders; hidden files and folders are left out.
        ending: what follows the stem, such as ``"_gtFine_labelIds"``; with a file type (``"_depth.png"``) only files of
            that type count.
        suffixes: the file types looked for when `ending` names none; upper and lower case are the same.
        skip: folders below `folder` to leave out.

    Returns:
        Stem (the path relative to the folder, with "/", without ending and type, as `normal` writes it) → the files
        that have it. More than one file for a stem is for the caller to judge.
    """
    folder = Path(folder)
    known = tuple(suffixes)
    ending = normal(ending)
    endings = (ending,) if ending.lower().endswith(known) else tuple(ending + suffix for suffix in known)
    left_out = {path.resolve() for path in skip} - {folder.resolve()}
    found: dict[str, list[Path]] = {}
    for parent, folders, names in os.walk(folder, followlinks=True):
        here = Path(parent)
        # A link may lead back to a folder that holds it.
        above = {place.resolve() for place in (here, *here.parents) if place.is_relative_to(folder)}
        folders[:] = [name for name in folders if name[0] != "." and (here / name).resolve() not in left_out | above]
        for name in sorted(names):
            path = here / name
            stem = normal(path.relative_to(folder).as_posix())
            match = next((e for e in endings if stem.lower().endswith(e.lower())), None)
            if match is not None and not name.startswith("."):
                found.setdefault(stem[: -len(match)], []).append(path)
    return dict(sorted(found.items(), key=lambda item: natural_key(item[0])))


def read_stems(path: str | Path) -> tuple[str, ...]:
    """The stems that a text file lists, one a line; empty lines are skipped, repeated stems taken once.

    Raises:
        DataError: the file cannot be read, or lists nothing.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     _ = Path(f"{folder}/train.txt").write_text("a/1\\na/2\\n")
        ...     read_stems(f"{folder}/train.txt")
        ('a/1', 'a/2')
    """
    advice = "write the stems of the images there, one a line: paths without ending and file type"
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        found = "nothing" if isinstance(error, FileNotFoundError) else f"{type(error).__name__}: {error}"
        raise DataError.of([Problem("list of stems", Path(path), "a text file of stems", found, advice)]) from error
    stems = tuple(dict.fromkeys(normal(line.strip()) for line in lines if line.strip()))
    if not stems:
        raise DataError.of([Problem("list of stems", Path(path), "at least one stem", "none", advice)])
    return stems


def normal(name: str) -> str:
    """A name with each accented letter as one character (Unicode's NFC); macOS and some archives store é as two.

    Example:
        >>> len("e\u0301"), len(normal("e\u0301"))
        (2, 1)
    """
    return unicodedata.normalize("NFC", name)


def natural_key(stem: str) -> tuple[tuple[int, int | str], ...]:
    """A sorting key under which frame 2 comes before frame 10.

    Example:
        >>> sorted(["b/2", "b/10", "a/3"], key=natural_key)
        ['a/3', 'b/2', 'b/10']
    """
    parts = re.findall(r"[0-9]+|[^0-9]+", stem)
    return (*((0, int(part)) if part[0] in "0123456789" else (1, part) for part in parts), (2, stem))
