"""The benchmark of the training step runs from end to end; what it measures is for its record, not for a test."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "step_overhead.py"
TINY = ["--networks", "ddrnet23slim", "--size", "32", "64", "--batch", "2", "--rounds", "2", "--threads", "1"]


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_tiny_run_prints_and_records_a_row_for_every_contestant_and_the_decoder(tmp_path: Path) -> None:
    record = tmp_path / "record.md"
    command = [sys.executable, str(SCRIPT), *TINY, "--record", str(record)]
    finished = subprocess.run(command, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr

    header, _, *table = [cells(line) for line in finished.stdout.splitlines()]
    rows = {row[1]: dict(zip(header, row, strict=True)) for row in table}
    assert list(rows) == ["plain", "light", "copy", "decoder alone"]
    assert {row["network"] for row in rows.values()} == {"ddrnet23slim"}
    for run, row in rows.items():
        assert float(row["median"].removesuffix(" ms")) > 0
        assert bool(row["target"]) == bool(row["met"]) == (run in ("light", "copy"))
        assert bool(row["peak memory"]) == (run != "decoder alone")
    assert rows["plain"]["ratio of medians"] == "1.000"
    decoder = float(rows["decoder alone"]["ratio in a round: median [quartiles]"].split()[0])
    assert rows["light"]["target"] == "≤ 1.050"
    assert float(rows["copy"]["target"].removeprefix("≤ ")) == pytest.approx((1 + decoder) * 1.05, abs=2e-3)

    page = record.read_text(encoding="utf-8")
    assert finished.stdout.strip() in page
    assert f"--record {record}" in page
    assert "2 rounds, batches of 2 images of 32×64." in page
