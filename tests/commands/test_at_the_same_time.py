"""Commands that would write to one folder at the same time."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

import pytest

from hardpix.cli.folder_lock import taken
from hardpix.training import new_run as module
from hardpix.training.new_run import new_run
from hardpix.training.run import Run
from runs import TINY, Data, run_hardpix, tree


class Stopped(datetime):
    """A clock that stands still, as it does within a second."""

    @classmethod
    def now(cls, tz: object = None) -> datetime:
        return datetime(2030, 1, 1)


def test_trainings_without_a_name_have_folders_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "datetime", Stopped)
    with new_run(None) as first, new_run(None) as second:
        (first.path / "config.yaml").write_text("first")
        assert str(first.path) == "runs/20300101-000000"
        assert str(second.path) == "runs/20300101-000000-2"
    assert (first.path / "config.yaml").exists()
    # Nothing was written to it.
    assert not second.path.exists()


def test_two_fits_in_one_second(data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("hardpix.commands.fit.datetime", "hardpix.training.new_run.datetime"):
        monkeypatch.setattr(name, Stopped)
    for number in ("", "-2"):
        outcome = run_hardpix("fit", *data.arguments, *TINY, "--trainer.max_epochs", 1)
        assert outcome.code == 0, outcome.err
        assert f"Run folder: runs/20300101-000000{number}\n" in outcome.out
    assert len(list((tmp_path / "runs").iterdir())) == 2


def test_a_run_that_cannot_begin_leaves_no_folder(data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = run_hardpix(
        "fit",
        *data.arguments,
        *TINY,
        "--trainer.precision",
        "16-true",
        "--trainer.devices",
        7,
        "--trainer.accelerator",
        "gpu",
    )
    assert outcome.code == 2
    assert list(tmp_path.rglob("*")) in ([], [tmp_path / "runs"])


@pytest.mark.parametrize("resume", [True, False])
def test_a_run_that_is_still_going(resume: bool, data: Data, tiny_run: Run, tmp_path: Path) -> None:
    run = tmp_path / "run"
    if resume:
        shutil.copytree(tiny_run.path, run)
    with taken(run):
        before = tree(run)
        given = ["--resume", "--trainer.max_epochs", 4] if resume else [*data.arguments, *TINY]
        outcome = run_hardpix("fit", *given, "--run", run)
        assert outcome.code == 2
        assert f"found {run} in use by process" in outcome.err
        assert tree(run) == before


@pytest.mark.parametrize("command", ["predict", "mine", "label", "test", "diagnose"])
def test_outputs(command: str, tiny_run: Run, data: Data, tmp_path: Path) -> None:
    out = tmp_path / "out"
    given = {
        "test": ["--run", tiny_run.path, "--report", out, "--out", tmp_path / "s.json"],
        "diagnose": ["--truth", data.masks, "--predictions", data.masks, "--out", out],
    }.get(command, ["--run", tiny_run.path, "--images", data.images, "--out", out])
    with taken(out):
        before = tree(out)
        outcome = run_hardpix(command, *given, *([] if command == "test" else ["--overwrite"]))
        assert outcome.code == 2
        assert f"found {out} in use by process" in outcome.err
        assert tree(out) == before
    assert run_hardpix(command, *given).code == 0
    assert not [path for path in out.iterdir() if path.name.startswith(".")]


def test_demo(tmp_path: Path) -> None:
    with taken(tmp_path / "demo"):
        outcome = run_hardpix("demo", "--out", tmp_path / "demo", "--scenes", 1, "--held_out", 1, "--epochs", 1)
        assert outcome.code == 2
        assert "in use by process" in outcome.err
