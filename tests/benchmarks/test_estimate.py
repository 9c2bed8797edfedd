"""The benchmark of estimates: its halves, its shifts, and a tiny run from end to end."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hardpix.training.run import Run
from runs import data, fit_tiny

from .conftest import FOLDER, load_script

__all__ = ["data", "fit_tiny"]
pytestmark = pytest.mark.slow


def test_halves_are_apart_and_shifts_change_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(FOLDER)
    script = load_script("estimate")
    for (first, second), (back, forth) in script.halves(5).values():
        assert sorted([*first, *second]) == [0, 1, 2, 3, 4]
        assert (list(back), list(forth)) == (list(second), list(first))
    picture = Image.fromarray(np.full((8, 8, 3), 200, np.uint8))
    assert np.asarray(script.dark(picture)).tolist() == np.full((8, 8, 3), 90).tolist()
    assert np.asarray(script.blurred(picture)).tolist() == np.asarray(picture).tolist()
    assert script.compressed(picture).size == (8, 8)


def test_a_tiny_run_prints_and_records_every_estimator(fit_tiny: Callable[..., Run], tmp_path: Path) -> None:
    """The network of a library, since a run of one's own code is not trusted."""
    network = [
        "--model.network",
        "DDRNet23Slim",
        "--model.network.num_classes",
        3,
        "--model.decoder",
        "null",
        "--trainer.max_epochs",
        1,
    ]
    run = fit_tiny(*network, "--data.val_share", 0.4)
    record = tmp_path / "record.md"
    command = [sys.executable, str(FOLDER / "estimate.py"), "--runs", str(run.path), "--second", str(run.path)]
    finished = subprocess.run([*command, "--record", str(record)], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    names = [line.split("|")[2].strip() for line in finished.stdout.splitlines() if line.startswith("| as it is")]
    each = ["ThresholdedConfidence", "DifferenceOfConfidence", "ExpectedConfusion", "Agreement", "LearnedHardness"]
    assert names == [*each, *each]
    assert finished.stdout.strip() in record.read_text(encoding="utf-8")
