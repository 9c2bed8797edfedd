"""Files that are the same image, wherever they lie and whatever they are called."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path


def same_files(given: Mapping[str, Path], others: Iterable[Path]) -> tuple[str, ...]:
    """Stems of the files that are among the others: the same path, or the same bytes under any name.

    Only files of equal size are read. Other files that are no longer there are passed over.

    Args:
        given: files by their stem.
        others: the files to look among.

    Raises:
        OSError: a given file cannot be read.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     files = {name: Path(folder, name) for name in ("a", "b", "copy")}
        ...     for name, content in zip(files, (b"one", b"two", b"one")):
        ...         _ = files[name].write_bytes(content)
        ...     same_files({"new": files["copy"], "b": files["b"]}, [files["a"]])
        ('new',)
    """
    paths: set[Path] = set()
    by_size: dict[int, list[Path]] = {}
    for path in others:
        if path.is_file():
            paths.add(path.resolve())
            by_size.setdefault(path.stat().st_size, []).append(path)
    contents: dict[int, set[bytes]] = {}
    same = []
    for stem, path in given.items():
        if path.resolve() in paths:
            same.append(stem)
            continue
        size = path.stat().st_size
        if size in by_size and size not in contents:
            contents[size] = {_content(other) for other in by_size[size]}
        if size in contents and _content(path) in contents[size]:
            same.append(stem)
    return tuple(same)


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").digest()
