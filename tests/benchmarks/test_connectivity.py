"""The benchmark of connectivity: scores of a line that is broken once, and a tiny run from end to end."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from .conftest import FOLDER, load_script

pytestmark = pytest.mark.slow


def test_a_line_that_is_broken_once_is_two_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(FOLDER)
    truth = np.zeros((1, 20, 20), dtype=np.int64)
    truth[0, 10] = 1
    broken, stray = truth.copy(), truth.copy()
    broken[0, 10, 9:11] = 0
    stray[0, 2, 2] = 1
    scores = load_script("connectivity").scores
    assert set(scores(truth, truth).values()) == {1.0, 100.0}
    found = scores(broken, truth)
    assert (found["pieces"], found["components"]) == (2, 2)
    assert found["thin recall"] == found["IoU"] == pytest.approx(90)
    # The skeleton of what is found lies in the truth, and nine tenths of the true one are found.
    assert found["clDice"] == pytest.approx(100 * 2 * 0.9 / 1.9)
    found = scores(stray, truth)
    assert (found["pieces"], found["components"]) == (1, 2)


def test_a_tiny_run_prints_and_records_every_contestant(tmp_path: Path) -> None:
    record = tmp_path / "record.md"
    settings = ("--size", "24", "--images", "4", "--held_out", "2", "--steps", "2", "--seeds", "2", "--threads", "1")
    command = [sys.executable, str(FOLDER / "connectivity.py"), *settings, "--record", str(record)]
    finished = subprocess.run(command, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    names = [line.split("|")[1].strip() for line in finished.stdout.splitlines() if line.startswith("| ")]
    connected = ["+ Connectivity", "+ Connectivity, by connections"]
    assert names == ["loss", "cross-entropy", *connected, "+ SkeletonRecall"]
    assert finished.stdout == record.read_text(encoding="utf-8")
