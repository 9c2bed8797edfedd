"""Ctrl-C at random moments of a training with workers leaves no process, and a run that goes on.

HARDPIX_KILLS=10 in the environment interrupts ten times as often.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from hardpix.training.run import Run
from processes import of_session
from runs import OWN_CODE, TINY, Data

pytestmark = pytest.mark.slow

TIMES = int(os.environ.get("HARDPIX_KILLS", "1"))
SECONDS = 20
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join([str(OWN_CODE), *sys.path]), "OMP_NUM_THREADS": "1"}
EPOCHS = 2


class Sessions:
    """Commands in sessions of their own, one after the other."""

    def __init__(self) -> None:
        command = [sys.executable, str(Path(__file__).with_name("commands_in_sessions.py"))]
        pipe = subprocess.PIPE
        self.server = subprocess.Popen(command, stdin=pipe, stdout=pipe, env=ENVIRONMENT, text=True)

    def start(self, said: Path, *words: object) -> int:
        """Process of the command, whose session has the same number."""
        assert self.server.stdin is not None
        self.server.stdin.write(json.dumps([str(said), *map(str, words)]) + "\n")
        self.server.stdin.flush()
        return self.answer()

    def answer(self) -> int:
        """Exit code of the command, once it has ended."""
        assert self.server.stdout is not None
        return int(self.server.stdout.readline())


@pytest.fixture(scope="module")
def sessions() -> Iterator[Sessions]:
    sessions = Sessions()
    yield sessions
    sessions.server.kill()


def require_gone(session: int) -> None:
    """Wait for the processes of a session, which has been asked to end."""
    until = time.monotonic() + SECONDS
    while of_session(session):
        if time.monotonic() > until:
            left = [Path(f"/proc/{process}/cmdline").read_bytes() for process in of_session(session)]
            os.killpg(session, signal.SIGKILL)
            raise AssertionError(f"{left} have not ended")
        time.sleep(0.02)


def test_nothing_is_left(data: Data, sessions: Sessions, tmp_path: Path) -> None:
    words = ["fit", *data.arguments, *TINY, "--data.workers", 2, "--trainer.max_epochs", EPOCHS]
    words += ["--trainer.logger", "false", "--run"]
    said = tmp_path / "said"
    # The second time, without the first use of anything.
    for name in ("first", "second"):
        began = time.monotonic()
        sessions.start(said, *words, tmp_path / name)
        assert sessions.answer() == 0, said.read_text()
        whole = time.monotonic() - began
    draw, interrupted, resumed = random.Random(3), 0, 0
    for number in range(10 * TIMES):
        run = Run(tmp_path / f"run{number}", trusted=True)
        session = sessions.start(said, *words, run.path)
        time.sleep(draw.uniform(0.02, 0.95) * whole)
        if session in of_session(session):
            os.killpg(session, signal.SIGINT)
            interrupted += 1
        require_gone(session)
        code = sessions.answer()
        if not run.checkpoints_to_resume():
            assert code != 0
            continue
        # Nothing is left half-written beside a checkpoint that would be taken for one.
        assert {path.suffix for path in run.checkpoints.iterdir()} <= {".ckpt", ".partial"}
        resumed += 1
        sessions.start(said, "fit", "--run", run.path, "--resume", "--trust-run")
        assert sessions.answer() == 0, said.read_text()
        assert torch.load(run.checkpoint("last"), weights_only=True)["epoch"] == EPOCHS - 1
    assert interrupted >= 7 * TIMES
    assert resumed >= 2 * TIMES


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_nothing_is_left_of_a_start(share: float, data: Data, tmp_path: Path) -> None:
    """While Python still imports."""
    words = ["fit", *data.arguments, *TINY, "--data.workers", 2, "--run", tmp_path / "run"]
    first = subprocess.Popen(
        [sys.executable, "-m", "hardpix", *map(str, words)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=ENVIRONMENT,
        start_new_session=True,
    )
    time.sleep(4 * share)
    os.killpg(first.pid, signal.SIGINT)
    assert first.wait(timeout=SECONDS) != 0
    require_gone(first.pid)
    assert not (tmp_path / "run").exists() or not list((tmp_path / "run").rglob("*.partial"))
