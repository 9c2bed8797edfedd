"""File locks that two commands share, and that a process started under one keeps."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def held(path: Path, wait: bool = True) -> Iterator[int | None]:
    """A lock as long as the block lasts: the descriptor of its file, or None where another process has it.

    A process that was started with the descriptor (`pass_fds`) holds the lock, too, even when this one is killed: what
    it writes is left alone until it ends.

    Args:
        path: of the file, which stays.
        wait: for the lock; without, one that is held elsewhere gives None.

    Raises:
        OSError: the system or the file system has no such locks.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder, held(Path(folder) / "a.lock") as mine:
        ...     with held(Path(folder) / "a.lock", wait=False) as again:
        ...         print(mine is not None, again)
        True None
    """
    try:
        import fcntl
    except ImportError as error:
        raise OSError(
            "expected a system with file locks for hardpix compare (Linux, macOS, WSL), found none"
        ) from error
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield None
        else:
            yield descriptor
    finally:
        # Not LOCK_UN: that would take the lock from the processes that share the descriptor.
        os.close(descriptor)
