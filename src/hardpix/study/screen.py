"""Progress of the runs on the screen: a line a run on a terminal, else a line a change."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from hardpix.study.lines import Line
from hardpix.study.runs import Job, read_record


class Screen:
    """Shows runs while others do them; `tick` looks at their files.

    Args:
        jobs: all runs of the study.
        console: to print on.
    """

    def __init__(self, jobs: Sequence[Job], console: Console) -> None:
        self.jobs = jobs
        self.console = console
        self.began = time.time()
        self.looked = 0.0
        self.states: dict[tuple[str, int], str] = {}
        self.live = Live(console=console, auto_refresh=False) if console.is_terminal else None

    def __enter__(self) -> Screen:
        if self.live is not None:
            self.live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.looked = 0.0
        self.tick()
        if self.live is not None:
            self.live.stop()

    def tick(self) -> None:
        """Look again, once a second at most."""
        if time.time() - self.looked < 1:
            return
        self.looked = time.time()
        lines = (
            {(line["variant"], line["seed"]): line for line in self.jobs[0].folder.lines.read()} if self.jobs else {}
        )
        states = {job.key: self._state(job, lines.get(job.key)) for job in self.jobs}
        if self.live is not None:
            self.live.update(_table(self.jobs, states), refresh=True)
        for key, (state, *rest) in states.items():
            if self.states.get(key, "waiting") != state and self.live is None:
                name, seed = key
                said = ", ".join(text for text in rest if text)
                self.console.print(escape(f"{name}, seed {seed}: {state}" + (f" ({said})" if said else "")))
            self.states[key] = state

    def _state(self, job: Job, line: Line | None) -> tuple[str, str, str, str]:
        """State, epoch, mIoU and time of a run, in words."""
        if line is not None and "scores" in line:
            minutes = (line["costs"]["training_seconds"] + line["costs"]["test_seconds"]) / 60
            miou = line["scores"]["miou"]
            return "done", "", "" if miou is None else f"mIoU {100 * miou:.2f}", f"took {minutes:.1f} min"
        active = max(_time(job, "log"), _time(job, None)) >= self.began - 1
        if line is not None and (not active or _after(line, self.began)):
            return "failed", "", "", line["error"].partition("\n")[0][:100]
        if not active:
            return "waiting", "", "", ""
        record = read_record(job.run)
        return _progress(record)


def _progress(record: dict[str, Any]) -> tuple[str, str, str, str]:
    if not record:
        return "training", "", "", ""
    miou = record["curve"][-1]["miou"] if record["curve"] else None
    shown = "" if miou is None else f"mIoU {100 * miou:.2f}"
    if record["finished"]:
        return "testing", "", shown, ""
    epochs, of = record["epochs"], record["of"]
    if not of or not epochs:
        return "training", f"epoch {epochs}", shown, ""
    left = (of - epochs) * record["seconds"] / epochs / 60
    return "training", f"epoch {epochs}/{of}", shown, f"{left:.1f} min left"


def _table(jobs: Sequence[Job], states: dict[tuple[str, int], tuple[str, str, str, str]]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("variant", "seed", "state", "epoch", "score", "time"):
        table.add_column(title, justify="right" if title == "seed" else "left", no_wrap=title != "time")
    colors = {"done": "green", "failed": "red", "training": "cyan", "testing": "cyan", "waiting": "dim"}
    for job in jobs:
        state, *rest = states[job.key]
        name, seed = job.key
        color = colors[state]
        table.add_row(escape(name), str(seed), f"[{color}]{state}[/{color}]", *map(escape, rest))
    return table


def _time(job: Job, kind: str | None) -> float:
    path = job.run / "record.json" if kind is None else job.beside(kind)
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _after(line: Line, began: float) -> bool:
    return line["date"] >= time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(began))
