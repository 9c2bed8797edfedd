"""A command with all the processes that it starts: how long it takes, and how much memory at its peak."""

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import NamedTuple

BETWEEN_SAMPLES = 0.1


class Finished(NamedTuple):
    """Resources that a command took.

    Attributes:
        seconds: from its start to its end.
        peak: bytes of all its processes together, where their sum was largest; pages that several of them share are
            counted once. 0 where nobody watched.
        first_peak: bytes of the first process alone, at its own peak.
    """

    seconds: float
    peak: int
    first_peak: int


def run(command: Sequence[str], watch: bool) -> Finished:
    """Run a command to its end, its output unseen.

    Args:
        command: and its arguments.
        watch: whether to look at its memory all the while, which takes time from the processor.

    Raises:
        RuntimeError: it failed; the message holds what it said.
    """
    start = time.perf_counter()
    peak = first_peak = 0
    with TemporaryFile("w+") as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
        while watch and process.poll() is None:
            sizes = [_proportional_size(number) for number in _tree(process.pid)]
            peak, first_peak = max(peak, sum(sizes)), max(first_peak, sizes[0])
            time.sleep(BETWEEN_SAMPLES)
        process.wait()
        seconds = time.perf_counter() - start
        if process.returncode:
            said.seek(0)
            raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{said.read()}")
    return Finished(seconds, peak, first_peak)


def _tree(number: int) -> list[int]:
    """A process and all that descend from it."""
    try:
        children = Path(f"/proc/{number}/task/{number}/children").read_text().split()
    except OSError:
        children = []
    return [number, *(one for child in children for one in _tree(int(child)))]


def _proportional_size(number: int) -> int:
    """Resident bytes of a process, shared pages divided by those who share them."""
    try:
        lines = Path(f"/proc/{number}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has ended
        return 0
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
