"""Walk through a folder: regular files only, each real folder once, in time that grows with the number of entries."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable
from pathlib import Path

from hardpix.data.reading import kind_of

# Device and number of a folder, which are the same by whatever path it is reached.
Identity = tuple[int, int]


class Walk:
    """Everything below a folder but hidden files and folders; its own folders come before those that links lead to.

    A link to a folder around this one is not followed: all that lies beside this folder would count as a part of it.

    Args:
        root: the folder.
        skip: folders to leave out, by whatever path they are reached.

    Attributes:
        files: path below the folder, with "/", and the file itself.
        folders: paths below the folder.
        unreadable: folders whose content is unknown, and why.
        not_regular: what has a file's place and is none, and what it is instead.
        not_followed: links to folders that are left out, and why.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     Path(folder, "a").mkdir()
        ...     Path(folder, "a", "1.png").touch()
        ...     Path(folder, "b").symlink_to(Path(folder, "a"))
        ...     Path(folder, "up").symlink_to(Path(folder, ".."))
        ...     walk = Walk(Path(folder))
        >>> [name for name, _ in walk.files], [(place.name, why) for place, why in walk.not_followed]
        (['a/1.png'], [('b', 'a link to a folder that is listed as a'), ('up', 'a link to a folder around this one')])
    """

    def __init__(self, root: Path, skip: Iterable[Path] = ()) -> None:
        self.files: list[tuple[str, Path]] = []
        self.folders: list[str] = []
        self.unreadable: list[tuple[Path, str]] = []
        self.not_regular: list[tuple[Path, str]] = []
        self.not_followed: list[tuple[Path, str]] = []
        around = {_identity(parent) for parent in root.resolve().parents}
        left_out = {_identity(path) for path in skip} - {_identity(root)}
        listed: dict[Identity, str] = {}
        # Links wait until every folder has been listed by its own path.
        own, linked = deque([("", root)]), deque[tuple[str, Path]]()
        while own or linked:
            by_link = not own
            where, here = (own or linked).popleft()
            try:
                identity = _identity(here)
                if identity in left_out:
                    continue
                if by_link and identity in around:
                    self.not_followed.append((here, "a link to a folder around this one"))
                    continue
                if identity in listed:
                    self.not_followed.append((here, f"a link to a folder that is listed as {listed[identity] or '.'}"))
                    continue
                listed[identity] = where
                with os.scandir(here) as entries:
                    found = sorted(entries, key=lambda entry: entry.name)
            except OSError as error:
                self.unreadable.append((here, error.strerror or str(error)))
                continue
            if where:
                self.folders.append(where)
            for entry in found:
                if entry.name[0] != ".":
                    self._sort(entry, f"{where}/{entry.name}" if where else entry.name, here, own, linked)

    def _sort(
        self,
        entry: os.DirEntry[str],
        name: str,
        here: Path,
        own: deque[tuple[str, Path]],
        linked: deque[tuple[str, Path]],
    ) -> None:
        place = here / entry.name
        try:
            if entry.is_dir():
                (linked if entry.is_symlink() else own).append((name, place))
            elif entry.is_file():
                self.files.append((name, place))
            else:
                self.not_regular.append((place, kind_of(entry.stat()) or "a file"))
        except FileNotFoundError:
            self.not_regular.append((place, "a link to nothing"))
        except OSError as error:
            self.not_regular.append((place, error.strerror or str(error)))


def _identity(path: Path) -> Identity:
    """The folder itself; nothing at all is (-1, -1)."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return -1, -1
    return status.st_dev, status.st_ino
