"""Ctrl-C and SIGTERM: the first one ends a command in order, a second one at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from _thread import start_new_thread
from contextlib import suppress

# This module is the first that a command imports. What only types need would take time, in which Ctrl-C is a traceback.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, Self

NUMBERS = (signal.SIGINT, signal.SIGTERM)
# One request may come twice: a terminal signals all processes, and a launcher passes it on to those that it started.
SECONDS_OF_ONE = 0.5


class Interrupted(KeyboardInterrupt):
    """A signal asked for the end of the command; like Ctrl-C for all code that cleans up after one.

    Args:
        number: of the signal.

    Example:
        >>> Interrupted(signal.SIGTERM).code
        143
    """

    def __init__(self, number: int = signal.SIGINT) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number

    @property
    def code(self) -> int:
        """Exit code of the process, as shells have it."""
        return 128 + self.number


def interrupt(number: int) -> None:
    """Raise `Interrupted` where the process is; what was begun is cleaned up on the way out."""
    raise Interrupted(number)


class EndRequests:
    """Handlers of both signals; one that is ignored, as in a shell's background job, stays ignored.

    Args:
        first: called with the number of the first signal. A second one ends this process and those it has started.
        command: named in the message of such an end.

    Attributes:
        number: of the first signal; None before it came.
        is_over: whether the command has ended.

    Example:
        >>> with EndRequests(first=lambda number: print("asked")) as requests:
        ...     signal.raise_signal(signal.SIGTERM)
        ...     requests.number
        asked
        15
        >>> requests.leave()
    """

    def __init__(self, first: Callable[[int], None] = interrupt, command: str = "hardpix") -> None:
        self.first, self.command = first, command
        self.number: int | None = None
        self.is_over = False
        self._since = 0.0
        self._process = os.getpid()
        self._before: dict[int, Any] = {}
        self._hook: Any = None

    @staticmethod
    def of_command() -> EndRequests:
        """The requests that the command listens to; new ones outside of a command."""
        owner = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
        # Handlers of a command that was interrupted stay behind it, and its request is not one of the next.
        return owner if isinstance(owner, EndRequests) and not owner.is_over else EndRequests()

    def listen(self) -> None:
        """Handle both signals from now on; again where others have put handlers of theirs in place."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in NUMBERS:
            found = signal.getsignal(number)
            if number in self._before or found not in (signal.SIG_IGN, None):
                self._before.setdefault(number, found)
                signal.signal(number, self._received)

    def leave(self) -> None:
        """Put back the handlers that were there before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def __enter__(self) -> Self:
        self._hook, sys.unraisablehook = sys.unraisablehook, self._dropped
        self.listen()
        return self

    def __exit__(self, *_: object) -> None:
        # After a request they stay: Python's own exit takes a moment, in which another one would be a traceback.
        self.is_over = True
        if self.number is None:
            self.leave()
        sys.unraisablehook = self._hook

    def _received(self, number: int, _: object) -> None:
        if os.getpid() != self._process:
            # A process that was forked is ended by this one; whoever signals it alone means it.
            if number == signal.SIGTERM:
                os._exit(128 + number)
        elif self.number is None:
            self.number, self._since = int(number), time.monotonic()
            self.first(number)
        elif time.monotonic() - self._since >= SECONDS_OF_ONE:
            end_at_once(number, f"{self.command}: ended at once")

    def _dropped(self, dropped: Any) -> None:
        """Python drops what is raised in a ``__del__``; the signal then comes once more, after this hook."""
        if not isinstance(dropped.exc_value, Interrupted):
            self._hook(dropped)
            return
        self.number = None
        # A Thread's start would wait for it, and the signal come while this hook runs.
        start_new_thread(_send_later, (dropped.exc_value.number,))


def _send_later(number: int) -> None:
    time.sleep(0.05)
    # To the main thread, so that it does not wait any more; Windows has one way alone.
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, number)
    else:
        signal.raise_signal(number)


def end_at_once(number: int, message: str) -> None:
    """End this process and those that it has started, without cleaning up.

    Args:
        number: of the signal.
        message: written to stderr.
    """
    end_children()
    # A progress bar hides the cursor, and is not asked any more.
    cursor = b"\x1b[?25h" if os.isatty(2) else b""
    # Its reader may be gone.
    with suppress(OSError):
        os.write(2, cursor + f"\n{message}\n".encode(errors="backslashreplace"))
    os._exit(128 + number)


def end_children() -> None:
    """End the processes that this one has started: those of Python's pools and loaders, then all others."""
    pools = sys.modules.get("multiprocessing")
    for child in pools.active_children() if pools is not None else ():
        child.kill()
    for child in _others():
        # It may have ended itself.
        with suppress(OSError):
            os.kill(child, signal.SIGTERM)


def _others() -> Iterable[int]:
    """Processes that this one has started, where the system lists them (Linux)."""
    found: list[int] = []
    with suppress(OSError):
        for thread in os.listdir("/proc/self/task"):
            with open(f"/proc/self/task/{thread}/children") as file:
                found += map(int, file.read().split())
    return found
