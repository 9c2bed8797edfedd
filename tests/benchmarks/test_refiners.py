"""The benchmark of refiners: its blur on a map where the answer is known, and a tiny run from end to end."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from .conftest import FOLDER, load_script

pytestmark = pytest.mark.slow


def test_the_blurred_truth_has_the_shares_of_the_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(FOLDER)
    target = torch.zeros(1, 8, 8, dtype=torch.long)
    target[:, :, 4:6] = 1
    found = load_script("refiners").blurred(target, 2, 4)
    # Cells of shares 0 and 1/2; resized, the outermost quarters keep them and the middle lies between.
    assert found[0, 1, :, :2].eq(0).all()
    assert found[0, 1, :, 6:].eq(0.5).all()
    torch.testing.assert_close(found[0, 1, 0, 2:6], torch.tensor([1, 3, 5, 7]) / 16)
    torch.testing.assert_close(found.sum(1), torch.ones(1, 8, 8))


def test_a_tiny_run_prints_and_records_every_refiner(tmp_path: Path) -> None:
    record = tmp_path / "record.md"
    command = [sys.executable, str(FOLDER / "refiners.py"), "--size", "64", "64", "--rounds", "2", "--scenes", "1"]
    finished = subprocess.run([*command, "--record", str(record)], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    names = [line.split("|")[1].strip() for line in finished.stdout.splitlines() if line.startswith("| ")]
    refiners = ["PAMR()", "PAMR((1, 2, 4, 8))", "PAMR((1, 2, 4))", "PAMR((1, 2, 4), steps=3)"]
    refiners += ["PAR()", "PAR((1, 2, 4), steps=3)", "DenseCRF()"]
    # The published CRF takes part where it is installed.
    theirs = ["pydensecrf"] if find_spec("pydensecrf") else []
    assert names == ["what", "DDRNet-23-slim", *refiners, *theirs, "", "without", *refiners]
    assert finished.stdout.strip() in record.read_text(encoding="utf-8")
