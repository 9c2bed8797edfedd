"""One process at a time in a folder that hardpix writes to."""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from hardpix.data.whole_files import says_where

# Beginning of the names of files and folders that hardpix has while it works, and leaves where it is killed.
OWN = ".hardpix."
LOCK = f"{OWN}lock"
# Processes that a killed one had started notice it within seconds, and hold its lock until then.
SECONDS = 15.0
HELD = (errno.EAGAIN, errno.EACCES)


class FolderInUse(OSError):
    """Another process writes to the folder."""


@contextmanager
def taken(folder: Path) -> Iterator[None]:
    """Keep other commands of hardpix out of a folder while the block lasts; the folder is made as needed.

    The system releases the lock of a process that ends, even when it is killed. On network file systems this holds
    between machines where the system has locks there (NFS from version 4, Lustre with ``flock``). Where there are no
    locks, a line on stderr says so, and nothing keeps two commands apart. A folder that was made here and is still
    empty at the end is removed.

    Raises:
        FolderInUse: another process has it; the message says which.
        OSError: the folder cannot be made or written to.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as place, taken(Path(place) / "out"):
        ...     try:
        ...         with taken(Path(place) / "out"):
        ...             pass
        ...     except FolderInUse as error:
        ...         print(str(error).partition(",")[0])
        expected a folder that no other process writes to
    """
    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        file = _locked(folder)
        try:
            yield
        finally:
            if file is not None:
                # Before it is released: whoever waits for it sees that the file is gone, and makes another.
                with suppress(OSError):
                    (folder / LOCK).unlink()
                file.close()
    finally:
        if made:
            with suppress(OSError):
                folder.rmdir()


def _locked(folder: Path) -> IO[str] | None:
    try:
        import fcntl
    except ImportError:
        _say_without(folder, "this system has no file locks")
        return None
    path = folder / LOCK
    until = time.monotonic() + SECONDS
    while True:
        # A link of that name would be followed, and the file that it leads to emptied.
        if path.is_symlink():
            path.unlink()
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o666)
        file = os.fdopen(descriptor, "a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in HELD:
                file.close()
                with suppress(OSError):
                    path.unlink()
                _say_without(folder, f"its file system has no locks ({error.strerror})")
                return None
            holder = _holder(file)
            file.close()
            if not _has_ended(holder) or time.monotonic() > until:
                raise FolderInUse(
                    f"expected a folder that no other process writes to, found {folder} in use by process "
                    f"{holder.get('process', '?')} on {holder.get('machine', '?')} since {holder.get('since', '?')}; "
                    "wait until it ends, or give another folder"
                ) from None
            time.sleep(0.2)
            continue
        if path.exists() and os.path.samestat(path.stat(), os.fstat(file.fileno())):
            _note_holder(path, file)
            return file
        # Its holder has removed it in the meantime.
        file.close()


def _note_holder(path: Path, file: IO[str]) -> None:
    """Write which process has the lock, for messages; nothing is left of a lock that cannot be written."""
    since = datetime.now().isoformat(" ", "seconds")
    holder = {"process": os.getpid(), "machine": socket.gethostname(), "since": since}
    try:
        with says_where(path):
            file.truncate(0)
            # Not through the buffer, which would be written once more when the file is closed.
            os.write(file.fileno(), json.dumps(holder).encode())
    except OSError:
        with suppress(OSError):
            path.unlink()
        file.close()
        raise


def _holder(file: IO[str]) -> dict[str, Any]:
    file.seek(0)
    try:
        found = json.loads(file.read())
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _has_ended(holder: dict[str, Any]) -> bool:
    if holder.get("machine") != socket.gethostname() or not isinstance(holder.get("process"), int):
        return False
    try:
        os.kill(holder["process"], 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _say_without(folder: Path, why: str) -> None:
    print(f"{folder} is not locked, because {why}: let no other command write to it meanwhile", file=sys.stderr)
