"""The benchmark of depth runs from end to end; what it measures is for its record, not for a test."""

import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import FOLDER

pytestmark = pytest.mark.slow


def test_a_tiny_run_prints_and_records_every_contestant(tmp_path: Path) -> None:
    record = tmp_path / "record.md"
    command = [sys.executable, str(FOLDER / "depth_overhead.py"), "--size", "64", "64", "--rounds", "2"]
    finished = subprocess.run([*command, "--record", str(record)], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in finished.stdout.splitlines()[2:]]
    assert [row[0] for row in rows] == [
        "plain cross-entropy",
        "depth as a second task alone",
        "depth, light branch",
        "depth, copied decoder",
        "error of predicted depth",
        "error at the same depth",
        "both measures",
    ]
    assert rows[0][2] == "1.000 [1.000, 1.000]"
    assert rows[-1][3] == "≤ 0.10"
    assert finished.stdout.strip() in record.read_text(encoding="utf-8")
