"""Errors in the user's input."""

from __future__ import annotations

from typing import Self


class UsageError(ValueError):
    """A request that cannot be done; the message says what to change. The command line prints it alone."""

    def reworded(self, message: str) -> Self:
        """The same error with another message."""
        return type(self)(message)


class UntrustedRun(UsageError):
    """A run folder that names code which is not known.

    Args:
        message: what would be imported.
        option: words of the command line that trust the run; none where only a file of settings can.
    """

    def __init__(self, message: str, option: tuple[str, ...] = ("--trust-run",)) -> None:
        super().__init__(message)
        self.option = option

    def reworded(self, message: str) -> Self:
        return type(self)(message, self.option)


def of_system(error: OSError) -> str:
    """Message on an error that the system gave, such as a full disk or a folder that was deleted meanwhile.

    Example:
        >>> of_system(OSError(28, "No space left on device", "out/a.png"))
        'expected to read and write files, found No space left on device at out/a.png; mend that, then give the \
command again'
    """
    place = "" if error.filename is None else f" at {error.filename}"
    return f"expected to read and write files, found {error.strerror}{place}; mend that, then give the command again"
