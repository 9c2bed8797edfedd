"""Commands of hardpix in processes of their own: what they say goes to a log, and a failure has its reason."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


class RunFailed(Exception):
    """A run came to no result; the message says why."""


class RunInterrupted(Exception):
    """A run was stopped by hand; it goes on when it is asked for again."""


# Ctrl-C and SIGTERM, by which processes are asked to end. What is killed otherwise has failed, as for lack of memory.
BY_HAND = (130, 143, -signal.SIGINT, -signal.SIGTERM)
Watch = Callable[[subprocess.Popen[bytes]], None]


def run_hardpix(
    arguments: Sequence[str],
    log: Path,
    lock: int,
    directory: Path,
    environment: Mapping[str, str],
    watch: Watch | None = None,
) -> None:
    """One command in a process of its own, which holds the lock as long as it lives.

    Args:
        arguments: of hardpix, the command first.
        log: file that what it says is added to.
        lock: descriptor of the lock.
        directory: in which the process runs.
        environment: variables that it has in addition.
        watch: called with the process.

    Raises:
        RunFailed: it failed.
        RunInterrupted: it was stopped by hand.
    """
    with log.open("a", encoding="utf-8") as file:
        file.write(f"\n$ hardpix {' '.join(arguments)}\n")
        file.flush()
        start = file.tell()
        process = subprocess.Popen(
            [sys.executable, "-m", "hardpix", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=directory,
            env={**os.environ, "COLUMNS": "200", **environment},
            pass_fds=(lock,),
        )
        if watch is not None:
            watch(process)
        try:
            code = process.wait()
        except BaseException:
            process.terminate()
            process.wait()
            raise
    if code in BY_HAND:
        raise RunInterrupted(f"hardpix {arguments[0]} was interrupted")
    if code:
        said = log.read_bytes()[start:].decode("utf-8", errors="replace")
        raise RunFailed(f"hardpix {arguments[0]} ended with {code}: {reason(said)}; all that it said is in {log}")


def reason(said: str) -> str:
    """The message of a command, or the last line of a traceback."""
    if found := re.search(r"^hardpix \w+: (.*)", said, re.DOTALL | re.MULTILINE):
        return found[1].strip()[:600]
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1][:600] if lines else "it said nothing"
