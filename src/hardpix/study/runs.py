"""One run of a study: trained, or gone on with, then scored, and made into a line of JSON."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from hardpix.cli.class_paths import class_paths
from hardpix.cli.results import write_whole
from hardpix.data.yaml_files import read_yaml
from hardpix.study.folder import StudyFolder
from hardpix.study.lines import FORMAT, Line
from hardpix.study.locks import held
from hardpix.study.plan import Variant
from hardpix.study.processes import RunFailed, Watch, run_hardpix

# Entries of a report's summary that a comparison shows, or needs to explain them.
OF_REPORT = ("settings", "classes", "scores", "class_scores", "kinds", "size_bands", "size_scores")


@dataclass(frozen=True)
class Job:
    """A run to be done.

    Attributes:
        folder: of the study.
        variant: what is trained.
        seed: from which.
        checkpoint: which one is scored.
        lines: names of line-like classes, for clDice.
        pictures: whether the report has pictures of every image.
        options: further arguments of ``hardpix fit`` that change no result.
        environment: variables that the run has in addition.
        directory: in which paths of the configuration and modules of one's own are looked for.
    """

    folder: StudyFolder
    variant: Variant
    seed: int
    checkpoint: Literal["best", "last"] = "last"
    lines: str | None = None
    pictures: bool = False
    options: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    directory: Path = field(default_factory=Path.cwd)

    @property
    def key(self) -> tuple[str, int]:
        """Variant and seed."""
        return self.variant.name, self.seed

    @property
    def run(self) -> Path:
        return self.folder.run(*self.key)

    def beside(self, kind: str) -> Path:
        return self.folder.beside(*self.key, kind)


def do_job(job: Job, failed_before: str | None = None, watch: Watch | None = None) -> bool:
    """Do a run unless it is done or another process is doing it; its line is written at the end, of a failure too.

    Args:
        job: the run.
        failed_before: date of the failure that is to be tried again.
        watch: called with every process that is started, such as to end it in time.

    Returns:
        False where another process holds the run, so that it is to be asked for again later.

    Raises:
        RunInterrupted: it was stopped by hand, and has no line.
    """
    with held(job.beside("lock"), wait=False) as lock:
        if lock is None:
            return False
        line = job.folder.lines.find(*job.key)
        if line is not None and ("scores" in line or line["date"] != failed_before):
            return True
        try:
            _train(job, lock, watch)
            line = _scored(job, lock, watch)
        except (RunFailed, OSError, ValueError, KeyError) as error:
            line = _line(job) | {"error": str(error) or repr(error)}
        job.folder.lines.put(line)
    return True


def _train(job: Job, lock: int, watch: Watch | None) -> None:
    if read_record(job.run).get("finished"):
        return
    settings = ["--config", str(job.folder.config(job.variant.name)), "--seed", str(job.seed), *job.options]
    if (job.run / "checkpoints" / "last.ckpt").is_file():
        settings = ["--resume", *_trust(job)]
    elif job.run.exists():
        _forget(job)
    started = {"config_hash": job.variant.hash, "config": job.variant.resolved}
    write_whole(job.beside("json"), json.dumps(started, ensure_ascii=False) + "\n")
    _run(job, ["fit", "--run", str(job.run), *settings], lock, watch)


def _forget(job: Job) -> None:
    """Remove what is left of a run that ended before its first checkpoint, so that it begins anew."""
    if not job.beside("json").exists():
        raise RunFailed(f"expected no folder at {job.run}, found one that no study has made; move it away")
    shutil.rmtree(job.run)


def _scored(job: Job, lock: int, watch: Watch | None) -> Line:
    lines = [] if job.lines is None else ["--lines", job.lines]
    began = time.monotonic()
    asked = ["--checkpoint", job.checkpoint, "--pictures", str(job.pictures).lower(), *lines]
    _run(job, ["test", "--run", str(job.run), *asked, *_trust(job)], lock, watch)
    seconds = time.monotonic() - began
    scores = json.loads((job.run / "scores.json").read_text(encoding="utf-8"))
    report = json.loads((job.run / "report" / "summary.json").read_text(encoding="utf-8"))
    record = read_record(job.run)
    line = _line(job) | {name: report[name] for name in OF_REPORT}
    # A report keeps six digits.
    line["scores"] |= {name: scores[name] for name in ("miou", "border_miou", "accuracy")}
    line["images"] = scores["images"]
    line |= {name: record[name] for name in ("epochs", "steps", "curve", "versions", "hardware")}
    line["costs"] = {
        "training_seconds": record["seconds"],
        "step_seconds": record["step_seconds"],
        "peak_memory": record["peak_memory"],
        "peak_gpu_memory": record["peak_gpu_memory"],
        "test_seconds": round(seconds, 3),
    }
    return line


def _trust(job: Job) -> list[str]:
    """The option that trusts a run, where its settings name no other classes than those that the study was given."""
    config = read_yaml(job.run / "config.yaml", dict)
    given = {path for _, path in class_paths(job.variant.resolved)}
    return ["--trust-run"] if {path for _, path in class_paths(config)} <= given else []


def _run(job: Job, arguments: list[str], lock: int, watch: Watch | None) -> None:
    run_hardpix(arguments, job.beside("log"), lock, job.directory, job.environment, watch)


def _line(job: Job) -> Line:
    return {
        "format": FORMAT,
        "variant": job.variant.name,
        "order": job.variant.order,
        "seed": job.seed,
        "config_hash": job.variant.hash,
        "config": job.variant.resolved,
        "date": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}Z",
    }


def read_record(run: Path) -> dict[str, Any]:
    """The record that ``hardpix fit`` keeps of a run; empty before its first epoch."""
    try:
        return json.loads((run / "record.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
