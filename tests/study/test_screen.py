"""Words of the screen on a run, from the files that it has by then."""

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from hardpix.study.folder import StudyFolder
from hardpix.study.plan import Variant
from hardpix.study.runs import Job
from hardpix.study.screen import Screen

from .conftest import make_line


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(StudyFolder(tmp_path), Variant("a[b]", 0, {}, {}), 3)


def shown(job: Job, terminal: bool = True) -> str:
    out = StringIO()
    with Screen([job], Console(file=out, force_terminal=terminal, color_system=None, width=120)):
        pass
    return " ".join(out.getvalue().split())


def record(job: Job, epochs: int, seconds: float, finished: bool = False) -> None:
    job.run.mkdir(parents=True, exist_ok=True)
    curve = [{"epoch": k + 1, "miou": 0.1 * (k + 1)} for k in range(epochs)]
    content = {"epochs": epochs, "of": 10, "seconds": seconds, "curve": curve, "finished": finished}
    (job.run / "record.json").write_text(json.dumps(content))


@pytest.mark.parametrize("terminal", [True, False])
def test_a_run_from_waiting_to_done(job: Job, terminal: bool) -> None:
    assert "a[b] 3 waiting" in shown(job)
    assert shown(job, terminal=False) == ""
    job.beside("log").parent.mkdir(parents=True)
    job.beside("log").touch()
    assert "training" in shown(job, terminal)
    # 4 of 10 epochs took 2 minutes: the other 6 take 3.
    record(job, 4, 120.0)
    said = shown(job, terminal)
    for words in ("training", "epoch 4/10", "mIoU 40.00", "3.0 min left"):
        assert words in said
    record(job, 10, 300.0, finished=True)
    assert "testing" in shown(job, terminal)
    assert "mIoU 100.00" in shown(job, terminal)
    line = make_line("a[b]", 0, 3, 0.5)
    job.folder.lines.put(line)
    assert "done" in shown(job, terminal)
    # 330 seconds of training and 20 of the test.
    assert "mIoU 50.00" in shown(job, terminal)
    assert "took 5.8 min" in shown(job, terminal)


def test_failure_says_why(job: Job) -> None:
    line = {name: value for name, value in make_line("a[b]", 0, 3, 0.5).items() if name != "scores"}
    job.folder.lines.put(line | {"error": "hardpix fit ended with 1: out of memory\nand more"})
    assert "a[b], seed 3: failed (hardpix fit ended with 1: out of memory)" in shown(job, terminal=False)
