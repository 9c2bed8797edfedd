"""The same work on many cases, on all cores, in order, in constant memory."""

from __future__ import annotations

import gc
import math
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, get_all_start_methods, get_context
from multiprocessing.context import BaseContext
from typing import TypeVar

import cv2
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hardpix.cli.errors import UsageError
from hardpix.cli.own_modules import VARIABLE, find_inherited_modules, safe_path

T = TypeVar("T")
R = TypeVar("R")

# Images that a worker takes at once at most: results come back, and the bar moves, after so many.
LARGEST_CHUNK = 8
# Fewer images for each are done before a further process has started.
IMAGES_A_WORKER = 24


def worker_count(items: int, asked: int | None = None) -> int:
    """As many processes as there are cores, or as asked; one where the work is done before others have started.

    Raises:
        ValueError: fewer than one asked for.

    Example:
        >>> worker_count(1000, asked=3), worker_count(5)
        (3, 1)
    """
    if asked is not None:
        if asked < 1:
            raise ValueError(f"expected at least 1 worker, found {asked}")
        return asked
    return max(1, min(cores(), items // IMAGES_A_WORKER))


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_chunks(work: Callable[[Sequence[T]], R], items: Sequence[T], workers: int, label: str) -> Iterator[R]:
    """Results of `work` for one part of the items after the other, with a progress bar on stderr.

    Args:
        work: of a part of the items; with several workers it must be known by name in a module, as their results must.
        items: in their order.
        workers: processes; 1 works in this one.
        label: what the bar says.

    Raises:
        UsageError: a worker was killed.
    """
    size = min(LARGEST_CHUNK, max(1, math.ceil(len(items) / (4 * workers))))
    chunks = [items[start : start + size] for start in range(0, len(items), size)]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=len(items))
        results = map(work, chunks) if workers == 1 else _by_workers(work, chunks, workers)
        for chunk, result in zip(chunks, results, strict=True):
            bar.advance(task, len(chunk))
            yield result


def _by_workers(work: Callable[[Sequence[T]], R], chunks: Sequence[Sequence[T]], workers: int) -> Iterator[R]:
    own = os.environ.get(VARIABLE)
    pool = ProcessPoolExecutor(workers, mp_context=_context(), initializer=_prepare, initargs=(own,))
    running: deque[Future[R]] = deque()
    finished = False
    remaining = iter(chunks)
    try:
        while True:
            # No more results than these wait to be taken.
            while len(running) < 2 * workers and (chunk := next(remaining, None)) is not None:
                running.append(pool.submit(work, chunk))
            if not running:
                finished = True
                return
            yield running.popleft().result()
    except BrokenProcessPool as error:
        raise UsageError(
            f"expected {workers} processes to work side by side, found one gone, most likely for want of memory; "
            "give fewer, --workers 1 (and from a script of your own, call it below if __name__ == '__main__':)"
        ) from error
    finally:
        # Nobody waits for what they have begun.
        for process in () if finished else active_children():
            process.kill()
        pool.shutdown(wait=True, cancel_futures=True)


def _context() -> BaseContext:
    """Start of processes: forked from one that has imported what they need, and does nothing else."""
    if "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    context = get_context("forkserver")
    # Imports take seconds, many times what an image takes; so they are done once for all workers of all passes.
    context.set_forkserver_preload(["hardpix.report.diagnose_image"])
    from multiprocessing.forkserver import ensure_running  # which Windows lacks

    with safe_path():
        ensure_running()
    return context


def _prepare(own: str | None) -> None:
    if own is not None:
        # Figures of the user's own are in modules that this process has not been told of.
        os.environ[VARIABLE] = own
        find_inherited_modules()
    # Ctrl-C and a scheduler's SIGTERM come to all processes; the one that has started this one ends it.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    # Objects imported before the fork are never collected: looking for garbage in them would copy their pages.
    gc.freeze()
    # The processes are as many as the cores.
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
