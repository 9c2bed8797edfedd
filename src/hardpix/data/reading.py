"""Wrapper around all reads of the user's files: whatever goes wrong, the file and the reason are said."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from os import stat_result
from pathlib import Path

from PIL import UnidentifiedImageError

from hardpix.data.errors import DataError, unusable

WHOLE = "a file that can be read to its end"
# Text of a library's error that is shown at most.
LONGEST = 300


@contextmanager
def reading(path: str | Path, expected: str = WHOLE) -> Iterator[None]:
    """Around a read of one file: whatever stops it becomes one DataError that names the file and the reason.

    Decoders of broken files raise nearly anything, and one file shall not end a command without being named. A file
    that is not a regular one (a FIFO, a device) is refused before it is opened, which could wait forever.

    Args:
        path: of the file.
        expected: of it, in the words of the message.

    Raises:
        DataError: in place of any other error.

    Example:
        >>> from tempfile import NamedTemporaryFile
        >>> with NamedTemporaryFile() as file:
        ...     try:
        ...         with reading(file.name):
        ...             raise RecursionError("too deep")
        ...     except DataError as error:
        ...         print(error.problems[0].found)
        RecursionError: too deep
    """
    try:
        kind = kind_of(Path(path).stat())
        if kind is not None:
            raise DataError.of([unusable(path, "a regular file", kind)])
        yield
    except DataError:
        raise
    except Exception as error:
        raise DataError.of([unusable(path, expected, reason(path, error))]) from error


def kind_of(status: stat_result) -> str | None:
    """The kind of what is no regular file, in words; None for a regular one.

    Example:
        >>> kind_of(Path().stat())
        'a folder'
    """
    if stat.S_ISREG(status.st_mode):
        return None
    kinds = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a FIFO"), (stat.S_ISSOCK, "a socket"))
    return next((words for is_kind, words in kinds if is_kind(status.st_mode)), "a device")


def reason(path: str | Path, error: Exception) -> str:
    """Reason why a file could not be read, in words.

    Example:
        >>> from tempfile import NamedTemporaryFile
        >>> with NamedTemporaryFile() as file:
        ...     reason(file.name, UnidentifiedImageError("cannot identify image file <_io.BufferedReader …>"))
        'an empty file'
    """
    if isinstance(error, UnidentifiedImageError):
        return str(error) if Path(path).stat().st_size else "an empty file"
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    text = " ".join(text.split())
    return f"{type(error).__name__}: {text[:LONGEST]}" + (" …" if len(text) > LONGEST else "")
