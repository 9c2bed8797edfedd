"""Several pieces of work at the same time, each in a process of its own."""

from __future__ import annotations

import multiprocessing
import signal
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Any, Self

import torch

from hardpix.cli.errors import UsageError

Say = Callable[[int], None]


class SideBySide:
    """As many processes as there are pieces of work; all of them end with the block, whatever ends it.

    Several trainings of one thread each use the cores better than one after the other with all threads.

    Args:
        count: of the processes.
        threads: of torch, in each.
    """

    def __init__(self, count: int, threads: int) -> None:
        # A process that was forked hangs where its parent has computed with several threads.
        context = multiprocessing.get_context("spawn")
        self.connections: list[Connection] = []
        self.processes = []
        for _ in range(count):
            mine, others = context.Pipe()
            process = context.Process(target=_serve, args=(others, threads), daemon=True)
            process.start()
            others.close()
            self.connections.append(mine)
            self.processes.append(process)

    def map(
        self,
        work: Callable[..., Any],
        arguments: Sequence[tuple[Any, ...]],
        tick: Callable[[int, int], None] = lambda place, done: None,
    ) -> list[Any]:
        """Results of a function, one for each tuple of arguments; no process begins before all are ready.

        Args:
            work: of a module; called with the arguments and a function to which it may tell how much is done.
            arguments: one tuple a process.
            tick: called with the place of a process and what it said.

        Raises:
            UsageError: a process was ended from outside.
            RuntimeError: the work failed; the message holds its traceback.
        """
        for connection in self.connections:
            self._receive(connection)
        for connection, given in zip(self.connections, arguments, strict=True):
            connection.send((work, given))
        results: dict[int, Any] = {}
        while len(results) < len(self.connections):
            for ready in wait([each for k, each in enumerate(self.connections) if k not in results]):
                place = self.connections.index(ready)  # type: ignore[arg-type]
                kind, value = self._receive(self.connections[place])
                if kind == "done":
                    tick(place, value)
                elif kind == "failed":
                    raise RuntimeError(value)
                else:
                    results[place] = value
        return [results[place] for place in range(len(self.connections))]

    def _receive(self, connection: Connection) -> Any:
        try:
            return connection.recv()
        except (EOFError, ConnectionError) as error:
            raise UsageError("one of the trainings was ended from outside, as for lack of memory") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.join()


def _serve(connection: Connection, threads: int) -> None:
    """Do what is asked for until nobody asks any more."""
    # Ctrl-C goes to all processes of a terminal; the one that began this one ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(threads)
    # The process that asks may have ended.
    with suppress(EOFError, ConnectionError):
        while True:
            connection.send(("ready", None))
            try:
                work, arguments = connection.recv()
                answer = "result", work(*arguments, lambda done: connection.send(("done", done)))
            except (EOFError, ConnectionError):
                return
            except Exception:
                answer = "failed", traceback.format_exc()
            connection.send(answer)
