"""The record of a run: its curve, its costs, and that an interruption leaves one record."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import my_networks
import pytest

from hardpix.training.run import Run
from runs import TINY, Data, column, run_hardpix

SLOW, STEPS = 0.02, 2


def record(folder: Run) -> dict[str, Any]:
    return json.loads(folder.record.read_text())


@pytest.fixture(scope="module")
def slow(fit_tiny: Callable[..., Run]) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLOW_SECONDS", str(SLOW))
        return fit_tiny("--trainer.max_epochs", 3, "--trainer.callbacks", "[{class_path: my_networks.Slow}]")


def test_curve_is_that_of_the_logs(slow: Run) -> None:
    found = record(slow)
    assert [entry["epoch"] for entry in found["curve"]] == [1, 2, 3]
    for key, name in (("miou", "val/miou"), ("val_loss", "val/loss")):
        assert [entry[key] for entry in found["curve"]] == pytest.approx(column(slow, name))
    assert all(entry["loss"] > 0 for entry in found["curve"])
    assert (found["epochs"], found["of"], found["steps"], found["finished"]) == (3, 3, 3 * STEPS, True)


def test_costs_are_of_the_right_size(slow: Run) -> None:
    """Every step takes the seconds that the callback sleeps at least, and the training those of all steps."""
    found = record(slow)
    assert SLOW <= found["step_seconds"] < found["seconds"]
    assert found["seconds"] >= 3 * STEPS * SLOW
    resident = int(
        next(line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line).split()[1]
    )
    assert 0.2 * 1024 * resident < found["peak_memory"] <= 1024 * resident
    assert found["peak_gpu_memory"] is None
    assert found["versions"]["torch"]
    assert "threads" in found["hardware"]


@pytest.mark.parametrize("minutes", [10, 0], ids=["from an epoch's end", "from within an epoch"])
def test_interrupted_run_has_one_record(minutes: int, data: Data, fit_tiny: Callable[..., Run], tmp_path: Path) -> None:
    whole = record(fit_tiny("--trainer.max_epochs", 3))
    folder = Run(tmp_path / "run", trusted=True)
    stop = [
        "--checkpoint_minutes",
        minutes,
        "--trainer.callbacks",
        "[{class_path: my_networks.StopAt, init_args: {epoch: 2, batch: 1}}]",
    ]
    with pytest.raises(my_networks.Interruption):
        run_hardpix("fit", *data.arguments, *TINY, "--trainer.max_epochs", 3, "--run", folder.path, *stop)
    before = record(folder)
    assert not before["finished"]
    assert before["epochs"] == 2
    assert run_hardpix("fit", "--run", folder.path, "--resume").code == 0
    found = record(folder)
    assert found["finished"]
    assert found["curve"] == whole["curve"]
    assert found["steps"] == whole["steps"]
    assert found["seconds"] > before["seconds"]
