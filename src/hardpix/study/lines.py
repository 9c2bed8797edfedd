"""The lines of a study: one of JSON a run, from which everything that is shown is remade."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hardpix.cli.results import write_whole
from hardpix.data import DataError
from hardpix.study.locks import held

Line = dict[str, Any]
# Raised when an entry changes its meaning.
FORMAT = 1
NEEDED = ("format", "variant", "order", "seed", "config_hash", "config")


class Lines:
    """The file runs.jsonl: a line a run, in the order of variants and seeds.

    A finished run has `scores` and so on, a failed one `error`. Each run has one line: a new one replaces the former.
    Several processes may write.

    Args:
        path: of the file.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     lines = Lines(Path(folder) / "runs.jsonl")
        ...     of_run = {"format": 1, "variant": "a", "order": 0, "seed": 1, "config_hash": "f00", "config": {}}
        ...     lines.put(of_run | {"error": "out of memory"})
        ...     lines.put(of_run | {"scores": {"miou": 0.5}})
        ...     [line.get("scores") for line in lines.read()]
        [{'miou': 0.5}]
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> list[Line]:
        """All lines; none where there is no file yet.

        Raises:
            DataError: something else stands in the file.
        """
        if not self.path.exists():
            return []
        lines = []
        for number, text in enumerate(self.path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                line = json.loads(text)
            except ValueError:
                line = None
            if not isinstance(line, dict) or any(key not in line for key in NEEDED) or line["format"] != FORMAT:
                raise DataError(
                    f"{self.path}: expected lines of JSON, one a run, as this version of hardpix compare writes them, "
                    f"found {text!r:.60} in line {number}; remove that line, and its run is scored again"
                )
            lines.append(line)
        return lines

    def find(self, variant: str, seed: int) -> Line | None:
        """The line of a run, if it has one."""
        return next((line for line in self.read() if (line["variant"], line["seed"]) == (variant, seed)), None)

    def put(self, line: Line) -> None:
        """Write the line of a run, in place of a former one."""
        with held(self._lock):
            others = [each for each in self.read() if _run(each) != _run(line)]
            self._write([*others, line])

    def order(self, orders: Mapping[str, int]) -> None:
        """Put variants in another order, which says with which the others are compared."""
        with held(self._lock):
            before = self.read()
            after = [line | {"order": orders.get(line["variant"], line["order"])} for line in before]
            if after != before:
                self._write(after)

    @property
    def _lock(self) -> Path:
        return self.path.with_suffix(".lock")

    def _write(self, lines: Iterable[Line]) -> None:
        ordered = sorted(lines, key=lambda line: (line["order"], line["variant"], line["seed"]))
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in ordered)
        write_whole(self.path, text)


def _run(line: Line) -> tuple[str, int]:
    return line["variant"], line["seed"]


def finished(lines: Iterable[Line]) -> list[Line]:
    """Lines of runs that have scores."""
    return [line for line in lines if "scores" in line]
