"""A disk that is really full: one message with the place, and what was there before stays whole."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from hardpix.training.run import Run
from runs import Data, Outcome, run_hardpix, tree


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB in memory, where one may be mounted."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", place], capture_output=True
    )
    if not mounted or mounted.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def fill(disk: Path, left: int = 0) -> Path:
    """A file that takes all but some pages of what is left."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        while os.statvfs(disk).f_bavail > left:
            file.write(bytes(4096))
    return filler


def contents(folder: Path) -> dict[str, bytes]:
    return {name: content for name, (content, _) in tree(folder).items() if name != "filler"}


# A report does not fit here twice, and scores of before are never replaced.
CASES = [(command, earlier) for command in ("predict", "label", "mine", "export") for earlier in (True, False)]


@pytest.mark.parametrize(("command", "earlier"), [*CASES, ("test", False), ("diagnose", False)])
def test_results_of_before_stay(
    command: str, earlier: bool, tiny_run: Run, data: Data, disk: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(tiny_run.path, tmp_path / "run")
    out = disk / "out"

    def start(*more: str) -> Outcome:
        given = {
            "diagnose": ("--truth", data.masks, "--predictions", data.masks, "--images", data.images, "--workers", 1),
            "export": ("--run", run),
            "test": ("--run", run, "--pictures", "false"),
        }.get(command, ("--run", run, "--images", data.images))
        place = out.with_suffix(".safetensors") if command == "export" else out
        # The report of a run has its page with it, which alone takes 4 MB.
        where = ("--report", tmp_path / "report") if command == "test" else ()
        if command == "diagnose":
            where = ("--pictures", "false")
        return run_hardpix(command, *given, "--out", place, *where, *more)

    if earlier:
        outcome = start()
        assert outcome.code == 0, outcome.err
    before = contents(disk)
    fill(disk)
    outcome = start("--overwrite") if earlier else start()
    assert outcome.code in (1, 2)
    assert "No space left on device" in outcome.err, outcome.err
    assert str(disk) in outcome.err
    assert "Traceback" not in outcome.err
    assert contents(disk) == before


@pytest.mark.parametrize("pages", [0, 3, 9])
def test_a_training_goes_on_when_there_is_room_again(pages: int, tiny_run: Run, disk: Path) -> None:
    run = Run(shutil.copytree(tiny_run.path, disk / "run"), trusted=True)
    before = {name: run.checkpoint(name).read_bytes() for name in ("best", "last")}
    filler = fill(disk, pages)
    outcome = run_hardpix("fit", "--run", run.path, "--resume", "--trainer.max_epochs", 4)
    assert outcome.code in (1, 2), outcome.err
    assert "No space left on device" in outcome.err, outcome.err
    assert str(disk) in outcome.err
    assert "Traceback" not in outcome.err
    assert {name: run.checkpoint(name).read_bytes() for name in ("best", "last")} == before
    filler.unlink()
    outcome = run_hardpix("fit", "--run", run.path, "--resume", "--trainer.max_epochs", 4)
    assert outcome.code == 0, outcome.err
    steps = [torch.load(path, weights_only=True)["global_step"] for path in (run.checkpoint("last"),)]
    assert steps == [2 * torch.load(tiny_run.checkpoint("last"), weights_only=True)["global_step"]]
