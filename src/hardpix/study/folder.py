"""The folder of a study, and what lies where in it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from hardpix.cli.results import RECORD, read_json, require_free, require_no_links, write_whole
from hardpix.study.configuration import Config
from hardpix.study.lines import Lines


@dataclass(frozen=True)
class StudyFolder:
    """Places of the files of a study.

    - runs.jsonl: a line a run
    - index.html and table.md: remade from it
    - configs/VARIANT.yaml: for ``hardpix fit``
    - runs/VARIANT/seed_N: the run's own folder
    - seed_N.json, seed_N.log, seed_N.lock beside it: its start, its output, its lock
    """

    path: Path

    @property
    def lines(self) -> Lines:
        return Lines(self.path / "runs.jsonl")

    @property
    def page(self) -> Path:
        return self.path / "index.html"

    @property
    def table(self) -> Path:
        return self.path / "table.md"

    def config(self, variant: str) -> Path:
        return self.path / "configs" / f"{variant}.yaml"

    def run(self, variant: str, seed: int) -> Path:
        return self.path / "runs" / variant / f"seed_{seed}"

    def beside(self, variant: str, seed: int, kind: str) -> Path:
        """The file of that kind (json, log, lock) beside a run's folder."""
        return self.path / "runs" / variant / f"seed_{seed}.{kind}"

    def started_with(self, variant: str, seed: int) -> dict[str, Any] | None:
        """Hash and configuration that a run was started with; None before it was."""
        try:
            return read_json(self.beside(variant, seed, "json"))
        except FileNotFoundError:
            return None

    def require(self, inputs: Iterable[Path] = ()) -> None:
        """Refuse a folder that is none of a study and not empty, or that lies among what is read.

        Raises:
            ValueError, FileExistsError: as `require_free`.
        """
        require_free(self.path, inputs, overwrite=True, replaceable=self.exists(), what="study")
        inside = [path for pattern in ("*", "configs/*", "runs/*") for path in self.path.glob(pattern)]
        require_no_links(self.path, [str(path.relative_to(self.path)) for path in inside])

    def exists(self) -> bool:
        """True where it holds a study, by its record."""
        try:
            record = read_json(self.path / RECORD)
        except (OSError, ValueError):
            return False
        return isinstance(record, dict) and record.get("command") == "compare"

    def prepare(self, configs: dict[str, Config]) -> None:
        """Make the folder and write the configurations of the variants."""
        write_whole(self.path / RECORD, json.dumps({"command": "compare"}) + "\n")
        for name, given in configs.items():
            text = yaml.safe_dump(dict(given), sort_keys=False, allow_unicode=True)
            write_whole(self.config(name), text)
