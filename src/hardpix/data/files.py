"""The files of a folder, by stem."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hardpix.data.errors import DataError, Problem
from hardpix.data.printable import printable
from hardpix.data.walk import Walk

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")
# A gif numbers its colors anew, so that a folder of several kinds of files is not searched for it.
NAMED_SUFFIXES = (".gif",)
# A jpg changes numbers.
MAP_SUFFIXES = (".png", ".tif", ".tiff", ".bmp", ".npy")


@dataclass(frozen=True)
class FolderListing:
    """Everything below a folder but hidden files and folders.

    Attributes:
        files: path below the folder, with "/" and as `normal` writes it, and the file itself.
        folders: paths of all folders below the folder, likewise.
        unreadable: folders whose content is unknown, and why.
        not_regular: what has a file's place and is none, such as a FIFO, and what it is.
        not_followed: links to folders that are left out, and why.
    """

    files: tuple[tuple[str, Path], ...]
    folders: tuple[str, ...] = ()
    unreadable: tuple[tuple[Path, str], ...] = ()
    not_regular: tuple[tuple[Path, str], ...] = ()
    not_followed: tuple[tuple[Path, str], ...] = ()

    def by_stem(self, ending: str = "", suffixes: Iterable[str] = IMAGE_SUFFIXES) -> dict[str, list[Path]]:
        """The files whose names end as asked, by stem, in natural order (see `files_by_stem`).

        Raises:
            DataError: names of some cannot be written into tables and shown: they hold control characters or no UTF-8.

        Example:
            >>> listing = FolderListing((("a/mask_1.png", Path("m/a/mask_1.png")),))
            >>> list(listing.by_stem()), list(listing.by_stem("mask_*")), list(listing.by_stem("a/mask_*"))
            (['a/mask_1'], ['a/1'], ['1'])
        """
        before, _, after = normal(ending).lower().rpartition("*")
        # Folders of which a star stands in the last: "masks/*" parts a/masks/1.png into a and 1.
        inside = before.count("/") + 1
        known = tuple(suffixes)
        endings = (after,) if after.endswith(known) else tuple(after + suffix for suffix in known)
        found: dict[str, list[Path]] = {}
        for name, path in self.files:
            match = next((e for e in endings if name.lower().endswith(e)), None)
            parts = name.split("/")
            own = "/".join(parts[-inside:])
            # The two sides of a star do not share letters.
            if match is not None and len(own) >= len(before) + len(match) and own.lower().startswith(before):
                stem = "/".join([*parts[:-inside], own[len(before) : -len(match)]])
                found.setdefault(stem, []).append(path)
        if odd := [path for paths in found.values() for path in paths if printable(str(path)) != str(path)]:
            raise DataError.of([_unprintable(path) for path in odd])
        return dict(sorted(found.items(), key=lambda item: natural_key(item[0])))


def _unprintable(path: Path) -> Problem:
    return Problem(
        "name that cannot be shown",
        path,
        "a name of letters in UTF-8, without control characters",
        "others, shown as escapes",
        "rename the file or its folder",
    )


def list_files(folder: str | Path, skip: Iterable[Path] = ()) -> FolderListing:
    """All regular files below a folder, with its subfolders; hidden files and folders are left out.

    Links are followed, but each real folder is listed once (see `Walk`).

    Args:
        folder: where to look.
        skip: folders below `folder` to leave out.
    """
    walk = Walk(Path(folder), skip)
    return FolderListing(
        tuple((normal(name), path) for name, path in walk.files),
        tuple(map(normal, walk.folders)),
        tuple(walk.unreadable),
        tuple(walk.not_regular),
        tuple(walk.not_followed),
    )


def files_by_stem(
    folder: str | Path, ending: str = "", *, suffixes: Iterable[str] = IMAGE_SUFFIXES, skip: Iterable[Path] = ()
) -> dict[str, list[Path]]:
    """All files below a folder whose name ends as asked, by stem, in natural order.

    Args:
        folder: searched with its subfolders; hidden files and folders are left out.
        ending: what follows the stem, such as ``"_gtFine_labelIds"``; with a file type (``"_depth.png"``) only files of
            that type count. A star stands for the stem where something comes before it: ``"mask_*"``. Folders before
            the star are no part of the stem: with ``"masks/*"`` that of ``a/masks/1.png`` is ``a/1``.
        suffixes: the file types looked for when `ending` names none; upper and lower case are the same.
        skip: folders below `folder` to leave out.

    Returns:
        Stem (the path relative to the folder, with "/", without ending and type, as `normal` writes it) → the files
        that have it. More than one file for a stem is for the caller to judge.
    """
    return list_files(folder, skip).by_stem(ending, suffixes)


def read_types(ending: str) -> tuple[str, ...]:
    """The types of images and masks that are looked for: gif only where the ending names it.

    Example:
        >>> ".gif" in read_types("_manual1"), ".gif" in read_types("_manual1.gif")
        (False, True)
    """
    return (*IMAGE_SUFFIXES, *(suffix for suffix in NAMED_SUFFIXES if ending.lower().endswith(suffix)))


def file_name(stem: str, ending: str) -> str:
    """The name of the file of a stem, without its type unless `ending` has one.

    Example:
        >>> file_name("a/1", "_mask"), file_name("a/1", "mask_*.png"), file_name("a/1", "masks/*")
        ('a/1_mask', 'a/mask_1.png', 'a/masks/1')
    """
    before, _, after = ending.rpartition("*")
    parent, slash, own = stem.rpartition("/")
    return f"{parent}{slash}{before}{own}{after}"


def read_stems(path: str | Path) -> tuple[str, ...]:
    r"""The stems that a text file lists, one a line; empty lines are skipped, repeated stems taken once.

    Raises:
        DataError: the file cannot be read, or lists nothing.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     _ = Path(f"{folder}/train.txt").write_text("a/1\na/2\n")
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
