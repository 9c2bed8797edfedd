"""Problems that any folders of files that belong together may have."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from hardpix.data.errors import Problem
from hardpix.data.files import FolderListing
from hardpix.data.name_hints import Side
from hardpix.data.unread import not_followed, other_types


def several_files(side: Side, stem: str, paths: Sequence[Path], advice: str = "keep one") -> Problem:
    """A stem that several files of one kind have.

    Example:
        >>> masks = Side("mask", Path("masks"), (".png", ".tif"))
        >>> several_files(masks, "a", [Path("masks/a.png"), Path("masks/a.tif")]).found
        'a.png and a.tif'
    """
    found = " and ".join(path.name for path in paths)
    return Problem("several files of one stem", side.folder / stem, f"one {side.what}", found, advice)


def files_of_other_types(
    sides: Iterable[tuple[Side, FolderListing]], used: Collection[Path]
) -> dict[Path, list[Problem]]:
    """By folder its files of types that are not read, and links that are not followed; a folder of several kinds once.

    Args:
        sides: every kind of files, with everything in its folder.
        used: files that are read as some kind.
    """
    found: dict[Path, list[Problem]] = {}
    for side, listing in sides:
        others = other_types(side.folder, side.what, listing, side.suffixes, used)
        found.setdefault(side.folder, [*others, *not_followed(listing)])
    return found
