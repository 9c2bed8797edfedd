"""A resumed run notices that its images and masks are others."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hardpix.training.run import Run
from runs import TINY, Data, Outcome, read, run_hardpix, tree

MORE = ("--trainer.max_epochs", 2)


@pytest.fixture
def own(data: Data, tmp_path: Path) -> Data:
    for folder in (data.images, data.masks):
        shutil.copytree(folder, tmp_path / folder.name)
    return Data(tmp_path / "images", tmp_path / "masks")


@pytest.fixture
def run(own: Data, tmp_path: Path) -> Run:
    outcome = run_hardpix("fit", *own.arguments, *TINY, "--run", tmp_path / "run", "--trainer.max_epochs", 1)
    assert outcome.code == 0, outcome.err
    return Run(tmp_path / "run")


def resume(run: Run, *more: object) -> Outcome:
    return run_hardpix("fit", "--run", run.path, "--resume", *MORE, *more)


def save(file: Path, values: np.ndarray) -> None:
    Image.fromarray(values).save(file)


def relabel(data: Data) -> list[Path]:
    """Only ids that were there before."""
    file = data.masks / "frame_004.png"
    save(file, np.where(read(file) == 7, 200, np.where(read(file) == 200, 7, read(file))).astype(np.uint8))
    return [file]


def invert(data: Data) -> list[Path]:
    files = sorted(data.images.iterdir())[:5]
    for file in files:
        save(file, 255 - read(file))
    return files


def resize(data: Data) -> list[Path]:
    files = [folder / "frame_004.png" for folder in (data.images, data.masks)]
    for file in files:
        save(file, np.kron(read(file), np.ones((2, 2, *[1] * (read(file).ndim - 2)), np.uint8)))
    return files


def swap(data: Data) -> list[Path]:
    """Two images take each other's name; their times go with them."""
    one, two = data.images / "frame_004.png", data.images / "frame_005.png"
    one.rename(data.images / "three")
    two.rename(one)
    (data.images / "three").rename(two)
    return [one, two]


def same_size_and_time_but_for_a_moment(data: Data) -> list[Path]:
    """A png whose text changed: as many bytes as before, and another time."""
    file = data.masks / "frame_004.png"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    return [file]


@pytest.mark.parametrize("change", [relabel, invert, resize, swap, same_size_and_time_but_for_a_moment])
def test_other_content_is_refused_and_listed(change: Callable[[Data], list[Path]], own: Data, run: Run) -> None:
    changed = change(own)
    before = tree(run.path)
    outcome = resume(run)
    assert outcome.code == 2
    assert f"found that {len(changed)} of 24 files that {run.path} was started with are others now" in outcome.err
    assert sum(f"{file}: other content" in outcome.err for file in changed) == min(3, len(changed))
    assert ("and 2 more" in outcome.err) == (len(changed) == 5)
    assert "--accept_changed_data" in outcome.err
    assert tree(run.path) == before


def test_a_flag_says_to_go_on_and_the_new_files_are_those_of_the_run(own: Data, run: Run) -> None:
    relabel(own)
    outcome = resume(run, "--accept_changed_data")
    assert outcome.code == 0, outcome.err
    assert "goes on with changed data: 1 of 24 files" in outcome.out
    assert "accept_changed_data" not in run.config.read_text()
    outcome = run_hardpix("fit", "--run", run.path, "--resume", "--trainer.max_epochs", 3)
    assert outcome.code == 0, outcome.err
    assert "changed" not in outcome.out


def test_copies_and_other_times_are_the_same_files(own: Data, run: Run, tmp_path: Path) -> None:
    for file in own.masks.iterdir():
        os.utime(file, ns=(1, 1))
    own.images.rename(tmp_path / "moved")
    outcome = resume(run, "--data.images", tmp_path / "moved")
    assert outcome.code == 0, outcome.err


def test_a_run_of_an_earlier_version_goes_on(own: Data, run: Run) -> None:
    run.files.unlink()
    assert resume(run).code == 0
    assert len(run.read_files() or {}) == 24


def test_a_broken_record_is_said(own: Data, run: Run) -> None:
    run.files.write_text('{"train/images/a": 1}')
    outcome = resume(run)
    assert outcome.code == 2
    assert str(run.files) in outcome.err
