"""A training on several processes that stops with a message where one of them dies."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Any, NoReturn

from torch.distributed import DistError

from hardpix.cli.ending import end_children
from hardpix.cli.errors import UsageError
from hardpix.training.lightning_private import SubprocessLauncher
from hardpix.training.run import Run
from hardpix.training.way_on import way_on

# Time to end by oneself, with one's own message, after another process has died.
SECONDS = 15.0
# Exit code of a process that ends because another one has.
FOLLOWED = 75
# A process that ends so was asked to, as all others were.
ASKED = {sign * number + (128 if sign > 0 else 0) for number in (signal.SIGINT, signal.SIGTERM) for sign in (1, -1)}
# As gloo and NCCL say it, in errors of no class of their own.
BROKEN = re.compile(r"connection (closed|reset|refused)|broken pipe|socket closed|remote process exit", re.IGNORECASE)
LAUNCHER = "HARDPIX_LAUNCHER"


class LostProcess(UsageError):
    """A training of several processes of which one has ended before the others."""


class WatchedLauncher(SubprocessLauncher):
    """Starts the other processes of a training, as Lightning does, and ends all of them where one dies.

    The first process watches those that it has started, and they watch it. Most notice the death of another one by a
    broken connection. One that still waits for it after `SECONDS` is ended. Processes that torchrun or SLURM has
    started are watched there.

    Args:
        launcher: of the trainer's strategy.
        run: for the message.
    """

    def __init__(self, launcher: SubprocessLauncher, run: Run) -> None:
        super().__init__(launcher.cluster_environment, launcher.num_processes, launcher.num_nodes)
        self.run = run
        self.parent: int | None = None

    def launch(self, function: Callable[..., Any], *args: Any, trainer: Any = None, **kwargs: Any) -> Any:
        if (launched_by := os.environ.pop(LAUNCHER, None)) is not None:
            process, _, folder = launched_by.partition(" ")
            self.parent = int(process)
            # A run without a name is named by the clock of its first process.
            self.run = Run(Path(folder))
        os.environ[LAUNCHER] = f"{os.getpid()} {self.run.path}"
        return super().launch(partial(self.watched, function), *args, trainer=trainer, **kwargs)

    def watched(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Result of a function, during which the other processes are watched.

        Raises:
            LostProcess: the function has failed because another process is gone.
        """
        os.environ.pop(LAUNCHER, None)
        # Lightning's own watch kills without a message. It ends where it has nobody to look after.
        observed, self.procs = self.procs, [*self.procs]
        observed.clear()
        over = Event()
        Thread(target=self._watch, args=(over,), daemon=True, name="watch over processes").start()
        try:
            return function(*args, **kwargs)
        except Exception as error:
            if not (isinstance(error, DistError) or (isinstance(error, RuntimeError) and BROKEN.search(str(error)))):
                raise
            self._let_end()
            if self.parent is not None:
                self._leave(self._is_orphan())
            raise LostProcess(self._message()) from error
        finally:
            over.set()

    def _watch(self, over: Event) -> None:
        while not over.wait(0.5):
            if self._is_orphan() or any(process.poll() not in (None, 0, *ASKED) for process in self.procs):
                if not over.wait(SECONDS):
                    self._leave(self.parent is None or self._is_orphan())
                return

    def _is_orphan(self) -> bool:
        return self.parent is not None and os.getppid() != self.parent

    def _let_end(self) -> None:
        """Wait for the other processes, which may be about to say why they end, and kill those that do not."""
        until = time.monotonic() + SECONDS
        own = self.procs if self.parent is None else []
        while time.monotonic() < until and any(process.poll() is None for process in own):
            time.sleep(0.1)
        for process in own:
            process.kill()
            process.wait()
        if self.parent is not None:
            time.sleep(1)

    def _leave(self, says_why: bool) -> NoReturn:
        """End this process at once, wherever its main thread waits."""
        if says_why and self.cluster_environment.local_rank() <= 1:
            print(f"hardpix fit: {self._message()}", file=sys.stderr)
        sys.stdout.flush()
        sys.stderr.flush()
        for process in self.procs:
            process.kill()
        end_children()
        os._exit(2 if self.parent is None else FOLLOWED)

    def _message(self) -> str:
        ended = {rank: process.returncode for rank, process in enumerate(self.procs, 1) if process.poll() is not None}
        first = [(rank, code) for rank, code in ended.items() if code != FOLLOWED]
        if self._is_orphan():
            found = f"process 0 ({self.parent}) gone"
        elif not first:
            found = "the connection to one of them broken; its own output, or that of its launcher, may say why"
        else:
            rank, code = first[0]
            how = f"with exit code {code}; its own message is above"
            if code < 0:
                why = ", as the system does where memory runs out" if code == -signal.SIGKILL else ""
                how = f"by {signal.Signals(-code).name}{why}"
            found = f"process {rank} ({self.procs[rank - 1].pid}) ended {how}"
        processes = self.num_processes * self.num_nodes
        return (
            f"expected {processes} processes until the end of the training, found {found}. All are stopped; "
            f"{way_on(self.run)}"
        )
