"""Commands that are killed at any moment leave whole files, and the same command ends as if nothing had happened.

HARDPIX_KILLS=10 in the environment kills ten times as often.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image

from hardpix.report.report_folder import WHOLE, is_report
from hardpix.training.checkpoints import read_checkpoint
from hardpix.training.run import Run
from runs import TINY, Data, run_hardpix, tree, weights

pytestmark = pytest.mark.slow

TIMES = int(os.environ.get("HARDPIX_KILLS", "1"))
MEMORY = Path("/dev/shm")
EPOCHS = ("--trainer.max_epochs", 12, "--trainer.logger", "false", "--model.network.dropout", 0.3)


def kill_after(seconds: float, *arguments: object) -> bool:
    """Run a command in a process of its own; True where it was killed before its end."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(run_hardpix(*arguments).code)
        finally:
            os._exit(1)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            assert os.waitstatus_to_exitcode(status) == 0
            return False
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def seconds_of(*arguments: object) -> float:
    began = time.monotonic()
    assert run_hardpix(*arguments).code == 0
    return time.monotonic() - began


@pytest.fixture(params=["disk", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """The temporary folder is on a disk; a run on the same file system, and on another."""
    if request.param == "disk":
        yield tmp_path
        return
    if not os.access(MEMORY, os.W_OK):
        pytest.skip("this system has no file system in memory")
    folder = Path(tempfile.mkdtemp(dir=MEMORY))
    yield folder
    shutil.rmtree(folder)


def test_training(place: Path, data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    given = ["fit", *data.arguments, *TINY, *EPOCHS, "--run"]
    seconds_of(*given, place / "first")
    # Nothing is imported for the first time any more.
    whole = seconds_of(*given, place / "whole")
    draw, folder, kills, begun, ended = random.Random(7), Run(place / "run0"), 0, 0, False
    for _ in range(20 * TIMES):
        goes_on = bool(folder.checkpoints_to_resume()) and not ended
        if not goes_on:
            begun += 1
            folder = Run(place / f"run{begun}")
        arguments = ["fit", "--resume", "--run", folder.path] if goes_on else [*given, folder.path]
        ended = not kill_after(draw.uniform(0.1, 0.9) * whole, *arguments)
        kills += not ended
        for path in folder.checkpoints.glob("*.ckpt"):
            read_checkpoint(path)
        assert sum(path.suffix == ".partial" for path in folder.path.rglob("*")) <= 3
    assert kills >= 8 * TIMES
    assert os.listdir(temporary) == []
    goes_on = bool(folder.checkpoints_to_resume())
    arguments = ["fit", "--resume", "--run", folder.path] if goes_on else [*given, place / "last"]
    outcome = run_hardpix(*arguments)
    assert outcome.code == 0, outcome.err
    expected = weights(Run(place / "whole"))
    found = weights(folder if goes_on else Run(place / "last"))
    assert [name for name in expected if not torch.equal(found[name], expected[name])] == []


def test_predict(tiny_run: Run, data: Data, tmp_path: Path) -> None:
    given = ["predict", "--run", tiny_run.path, "--images", data.images, "--confidence", "--out"]
    whole = seconds_of(*given, tmp_path / "whole")
    draw = random.Random(0)
    for number in range(5 * TIMES):
        out = tmp_path / f"out{number}"
        kill_after(draw.uniform(0.3, 1.0) * whole, *given, out)
        for file in [*out.rglob("*.png"), *out.rglob("*.jpg")]:
            with Image.open(file) as image:
                image.load()
        outcome = run_hardpix(*given, out, "--overwrite")
        assert outcome.code == 0, outcome.err
        found, expected = tree(out), tree(tmp_path / "whole")
        assert {name: content for name, (content, _) in found.items() if not name.endswith(".partial")} == {
            name: content for name, (content, _) in expected.items()
        }


def test_diagnose(data: Data, tmp_path: Path) -> None:
    out = tmp_path / "report"
    given = ["diagnose", "--truth", data.masks, "--predictions", data.masks, "--workers", 1, "--out", out]
    whole = seconds_of(*given)
    names = {name for name in tree(out) if not name.startswith(".hardpix.")}
    draw = random.Random(1)
    for _ in range(5 * TIMES):
        kill_after(draw.uniform(0.3, 1.0) * whole, *given, "--overwrite")
        assert is_report(out) or is_report(out / WHOLE)
        if not (out / WHOLE).exists():
            assert names == {name for name in tree(out) if not name.startswith(".hardpix.")}
    assert run_hardpix(*given, "--overwrite").code == 0
    assert set(tree(out)) == names
