"""The benchmark of the diagnosis: its maps are what its record says, and it runs from end to end."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from .conftest import FOLDER, load_script

pytestmark = pytest.mark.slow

TINY = ["--size", "64", "128", "--small-size", "32", "64", "--rounds", "2", "--images", "2", "--memory-images", "2"]


@pytest.fixture
def street_maps(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(FOLDER)
    return load_script("street_maps")


def test_drawn_predictions_are_wrong_as_often_as_those_of_a_network(street_maps: ModuleType) -> None:
    pairs = [street_maps.draw_pair(number, (256, 512)) for number in range(4)]
    for truth, prediction in pairs:
        labelled = truth != street_maps.VOID
        assert 0.85 < labelled.mean() < 1
        assert 0.03 < (truth != prediction)[labelled].mean() < 0.12
        assert prediction.max() < street_maps.NUM_CLASSES
    every = np.unique(np.stack(pairs))
    assert every.tolist() == [*range(street_maps.NUM_CLASSES), street_maps.VOID]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
def test_memory_is_that_of_a_command_and_the_processes_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(FOLDER)
    hold = "import time; held = b'1' * (64 << 20); time.sleep(1)"
    both = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hold!r}])"
    finished = load_script("process_tree").run([sys.executable, "-c", both], watch=True)
    assert finished.seconds > 1
    assert finished.first_peak < 32 << 20
    assert 64 << 20 < finished.peak < 128 << 20


def test_a_command_that_fails_is_no_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(FOLDER)
    with pytest.raises(RuntimeError, match="ended with 3:\nsorry"):
        load_script("process_tree").run([sys.executable, "-c", "print('sorry'); raise SystemExit(3)"], watch=False)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
def test_a_tiny_run_prints_and_records_all_three_tables(tmp_path: Path) -> None:
    record = tmp_path / "record.md"
    command = [sys.executable, str(FOLDER / "diagnose.py"), *TINY, "--record", str(record)]
    finished = subprocess.run(command, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in finished.stdout.splitlines() if "|" in line]
    names = [row[0] for row in rows if row[0] != "---"]
    assert names[:3] == ["what", "floor", "all default metrics"]
    assert [name for name in names if name.startswith("—")] == [
        "— reading and checking the labels",
        "— objects of truth and prediction",
        "— kinds of error",
        "— scores by size",
        "— Boundary IoU",
        "— boundary F-score",
        "— FErr, MErr, DErr",
        "— thin parts",
        "— findings of the image",
    ]
    assert len([name for name in names if name.startswith("+")]) == 5
    assert rows[2][2:] == ["1.00 [1.00, 1.00]", ""]
    assert rows[3][3] == "≤ 12"
    assert names.count("thumbnails alone") == names.count("with pictures") >= 1
    assert names[-2:] == ["images", "2"]
    assert finished.stdout.strip() in record.read_text(encoding="utf-8")
