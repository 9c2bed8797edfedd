"""Files that are whole or not there: written beside their place, then renamed over it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

# Marks a file that is being written; whoever writes the same file next writes over what a killed process left.
PARTIAL = ".partial"
# Most file systems allow names of 255 bytes.
LONGEST_NAME = 255


@contextmanager
def whole_file(path: str | Path, durable: bool = False) -> Iterator[IO[bytes]]:
    """A binary file that appears under its name when the block ends without an error; folders are made as needed.

    An earlier file of that name stays as it is until then. Nothing stands in for a lock: two processes must not write
    the same file at once.

    Args:
        path: of the file; a device or pipe is written to directly.
        durable: wait until the disk has the file and its name, so that it also survives a loss of power.

    Raises:
        OSError: it cannot be written; what was begun is removed.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     with whole_file(f"{folder}/new/a.txt") as file:
        ...         _ = file.write(b"text")
        ...     [path.name for path in Path(folder).rglob("*.*")]
        ['a.txt']
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not path.is_file() and not path.is_dir():
        with path.open("wb") as file:
            yield file
        return
    partial = partial_of(path)
    # A link of that name would be followed.
    partial.unlink(missing_ok=True)
    try:
        with says_where(path):
            with partial.open("wb") as file:
                yield file
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            partial.replace(path)
    except BaseException:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
    if durable:
        flush_folder(path.parent)


@contextmanager
def says_where(path: Path) -> Iterator[None]:
    """Around what is written to a file or below a folder: an error of the system that names no file names this one.

    A full disk does not say which file it is about.

    Example:
        >>> try:
        ...     with says_where(Path("out")):
        ...         raise OSError(28, "No space left on device")
        ... except OSError as error:
        ...     error.filename
        'out'
    """
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise


def partial_of(path: Path) -> Path:
    """The file that is written in place of another until it is whole.

    Example:
        >>> partial_of(Path("labels/a.png")).as_posix()
        'labels/a.png.partial'
    """
    name = path.name + PARTIAL
    if len(os.fsencode(name)) > LONGEST_NAME:
        name = hashlib.sha256(os.fsencode(path.name)).hexdigest() + PARTIAL
    return path.with_name(name)


def flush_folder(folder: Path) -> None:
    """Wait until the disk has the names in a folder; without an effect where the system cannot."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
