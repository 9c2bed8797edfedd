"""Commands that were interrupted say how far they came, and go on from there."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hardpix.cli.output import NOTES, Output
from runs import Data, Outcome, Run, run_hardpix, tree

COMMANDS = {
    "predict": ["--confidence", "--probabilities"],
    "mine": [],
    "label": ["--labeler.threshold", 0.4],
}
Start = Callable[..., Outcome]


@pytest.fixture(params=COMMANDS)
def start(request: pytest.FixtureRequest, tiny_run: Run, data: Data) -> Start:
    def start(out: Path, *more: object, images: Path = data.images) -> Outcome:
        given = ["--run", tiny_run.path, "--images", images, "--out", out, *COMMANDS[request.param], *more]
        return run_hardpix(request.param, *given)

    return start


@pytest.fixture
def interrupted(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Results of five of twelve images."""
    interrupt(tmp_path / "out", start, monkeypatch)
    return tmp_path / "out"


def interrupt(out: Path, start: Start, monkeypatch: pytest.MonkeyPatch, *more: object) -> None:
    done = Output.done

    def five(self: Output, stem: str, note: object = None) -> None:
        if len(self.notes) == 5:
            raise KeyboardInterrupt
        done(self, stem, note)

    with monkeypatch.context() as patch:
        patch.setattr(Output, "done", five)
        outcome = start(out, *more)
    assert outcome.code == 130
    assert f"5 of 12 images are in {out}; the same command goes on with the others" in outcome.err


def content(folder: Path) -> dict[str, bytes]:
    return {name: data for name, (data, _) in tree(folder).items()}


def test_the_record_says_that_it_is_not_finished(interrupted: Path) -> None:
    record = json.loads((interrupted / "hardpix.json").read_text())
    assert record["finished"] is False
    assert not list(interrupted.glob("*.csv"))


def test_the_same_command_goes_on_and_ends_where_an_uninterrupted_one_does(
    start: Start, interrupted: Path, tmp_path: Path
) -> None:
    whole = start(tmp_path / "whole")
    assert whole.code == 0, whole.err
    before = {name: time for name, (_, time) in tree(interrupted).items()}
    outcome = start(interrupted)
    assert outcome.code == 0, outcome.err
    assert f"5 of 12 images in {interrupted} were done before" in outcome.err
    assert outcome.out.replace(str(interrupted), "") == whole.out.replace(str(tmp_path / "whole"), "")
    assert content(interrupted) == content(tmp_path / "whole")
    kept = [name for name, (_, time) in tree(interrupted).items() if before.get(name) == time]
    assert len(kept) >= 5
    assert json.loads((interrupted / "hardpix.json").read_text())["finished"] is True


def test_a_file_that_was_lost_since_and_half_a_line_are_done_again(
    start: Start, interrupted: Path, tmp_path: Path
) -> None:
    next(file for file in interrupted.rglob("frame_00*") if file.suffix == ".png").unlink()
    with (interrupted / NOTES).open("a") as notes:
        notes.write('["frame_011", [[1')
    outcome = start(interrupted)
    assert outcome.code == 0, outcome.err
    assert "4 of 12 images" in outcome.err
    assert start(tmp_path / "whole").code == 0
    assert content(interrupted) == content(tmp_path / "whole")


def test_other_images_are_not_mixed_with_them(start: Start, interrupted: Path, data: Data, tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for file in data.images.iterdir():
        Image.fromarray(255 - np.asarray(Image.open(file))).save(images / file.name)
    before = tree(interrupted)
    outcome = start(interrupted, images=images)
    assert outcome.code == 2
    assert "those in it are of a command that was interrupted, with other images, settings or weights" in outcome.err
    assert "--overwrite to replace" in outcome.err
    assert tree(interrupted) == before
    outcome = start(interrupted, "--overwrite", images=images)
    assert outcome.code == 0, outcome.err
    assert "were done before" not in outcome.err


def test_replacing_that_is_interrupted_goes_on_too(
    start: Start, data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, more = tmp_path / "out", tmp_path / "images"
    more.mkdir()
    for file in data.images.iterdir():
        os.link(file, more / file.name)
    os.link(data.images / "frame_000.png", more / "more.png")
    assert start(out, images=more).code == 0
    interrupt(out, start, monkeypatch, "--overwrite")
    assert start(out).code == 0
    assert start(tmp_path / "whole").code == 0
    # Results that do not come again are gone in the end.
    assert content(out) == content(tmp_path / "whole")


def test_a_finished_folder_is_still_not_replaced_unasked(start: Start, tmp_path: Path) -> None:
    assert start(tmp_path / "out").code == 0
    outcome = start(tmp_path / "out")
    assert outcome.code == 2
    assert "--overwrite" in outcome.err
