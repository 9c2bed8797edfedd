"""Images, hardness and probabilities that cannot be used: listed, and the image is diagnosed without them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from .three_images import cut, diagnosed, labels, swap, three_images


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    return three_images(tmp_path)


def wrong_probabilities(values: np.ndarray) -> Callable[[Path], object]:
    return lambda f: np.save(f / "probabilities/subject.npy", values)


def as_npz(*arrays: np.ndarray) -> Callable[[Path], object]:
    def write(folders: Path) -> None:
        (folders / "probabilities/subject.npy").unlink()
        np.savez_compressed(folders / "probabilities/subject.npz", *arrays)

    return write


def broken_npz(folders: Path) -> None:
    as_npz(np.random.default_rng(0).random((3, 12, 16)))(folders)
    path = folders / "probabilities/subject.npz"
    content = bytearray(path.read_bytes())
    content[200:260] = bytes(60)
    path.write_bytes(content)


P = (3, 12, 16)
WITHOUT_A_SIGNAL: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "no image": (lambda f: (f / "images/subject.png").unlink(), "images", "expected an image subject.*"),
    "no hardness": (lambda f: (f / "hardness/subject.png").unlink(), "hardness", "no hardness map for a mask"),
    "no probabilities": (lambda f: (f / "probabilities/subject.npy").unlink(), "probabilities", "no file of prob"),
    "two images": (lambda f: shutil.copy(f / "images/first.png", f / "images/subject.tif"), "images", "several files"),
    "small image": (lambda f: swap(f / "images/subject.png", labels(0)[1:]), "images", "found 11×16"),
    "truncated image": (lambda f: cut(f / "images/subject.png"), "images", "image file is truncated"),
    "lying image": (lambda f: swap(f / "images/subject.png", labels(0).T), "images", "found 16×12"),
    "no image at all": (lambda f: (f / "images/subject.png").write_text("x"), "images", "no image in a format"),
    "small hardness": (lambda f: swap(f / "hardness/subject.png", labels(0)[1:]), "hardness", "found 11×16"),
    "coloured hardness": (
        lambda f: swap(f / "hardness/subject.png", np.zeros((12, 16, 3), np.uint8)),
        "hardness",
        "expected one number a pixel",
    ),
    "swapped sides": (wrong_probabilities(np.zeros((3, 16, 12))), "probabilities", "found 16×12"),
    "classes last": (wrong_probabilities(np.zeros((12, 16, 3))), "probabilities", "(12, 16, 3), with the classes last"),
    "classes missing": (wrong_probabilities(np.zeros((2, 12, 16))), "probabilities", "one of the shape (2, 12, 16)"),
    "one map": (wrong_probabilities(np.zeros((12, 16))), "probabilities", "one of the shape (12, 16)"),
    "one number": (wrong_probabilities(np.zeros(())), "probabilities", "one of the shape ()"),
    "logits": (wrong_probabilities(np.linspace(-9, 9, 576).reshape(P)), "probabilities", "found -9 to 9; logits?"),
    "not a number": (
        wrong_probabilities(np.full(P, np.nan)),
        "probabilities",
        "from 0 to 1, found NaN among its numbers",
    ),
    "wide integers": (wrong_probabilities(np.zeros(P, int)), "probabilities", "found int64"),
    "objects": (wrong_probabilities(np.full(P, None)), "probabilities", "ValueError"),
    "text": (lambda f: (f / "probabilities/subject.npy").write_text("none"), "probabilities", "ValueError"),
    "cut short": (lambda f: cut(f / "probabilities/subject.npy"), "probabilities", "ValueError"),
    "several arrays": (as_npz(np.zeros(P), np.zeros(P)), "probabilities", "found 2 arrays"),
    "no array": (as_npz(), "probabilities", "found 0 arrays"),
    "empty array": (as_npz(np.zeros((3, 0, 0))), "probabilities", "(3, 0, 0)"),
    "small array": (as_npz(np.zeros((3, 12, 15))), "probabilities", "found 12×15"),
    "damaged archive": (broken_npz, "probabilities", "rror"),
    "an archive by another name": (
        lambda f: np.savez((f / "probabilities/subject.npy").open("wb"), np.zeros(P)),
        "probabilities",
        "one array",
    ),
}


@pytest.mark.parametrize("case", WITHOUT_A_SIGNAL)
def test_an_image_is_diagnosed_without_what_cannot_be_used(
    case: str, folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil, kind, reason = WITHOUT_A_SIGNAL[case]
    spoil(folders)
    found = diagnosed(folders)
    assert found["inputs"]["count"] == 3
    problem = found["inputs"]["unused"][0]
    assert len(found["inputs"]["unused"]) == 1
    assert (found["inputs"]["left_out"], found["inputs"]["images_left_out"]) == ([], 0)
    said = f"{problem['kind']}: expected {problem['expected']}, found {problem['found']}"
    assert reason in said
    printed = capsys.readouterr().out
    assert all(part in printed for part in (problem["kind"], problem["where"], problem["found"], problem["advice"]))
    table = pq.read_table(folders / "report" / "images.parquet").to_pydict()
    # The other two have the signal, this one has not.
    for signal, column in (("hardness", "mean_hardness"), ("probabilities", "ece"), ("probabilities", "suspects")):
        assert [value is None for value in table[column]] == [False, False, kind == signal]
    assert None not in table["miou"]
    verdict: dict[str, list[str]] = {}
    for sentence in found["sentences"]:
        verdict.setdefault(sentence["view"], []).append(sentence["text"])
    for signal, view in (("hardness", "hardness"), ("probabilities", "calibration")):
        assert any("2 of 3 images" in text for text in verdict[view]) == (kind == signal)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_an_image_that_a_camera_turned_has_the_size_of_its_mask(suffix: str, folders: Path) -> None:
    orientation = Image.Exif()
    orientation[0x0112] = 6
    (folders / "images/subject.png").unlink()
    Image.fromarray(np.zeros((16, 12, 3), np.uint8)).save(folders / f"images/subject{suffix}", exif=orientation)
    assert diagnosed(folders)["inputs"]["unused"] == []


HARDNESS = {
    "one row": (np.zeros(16), "array of shape (16,)"),
    "below 0": (np.full((12, 16), -0.5), "expected numbers from 0 to 1, found -0.5 to -0.5"),
    "above 1": (np.full((12, 16), 1.5, np.float16), "expected numbers from 0 to 1, found 1.5 to 1.5"),
    "not a number": (np.full((12, 16), np.nan), "found NaN among its numbers"),
    "wide integers": (np.zeros((12, 16), int), "found int64"),
}


@pytest.mark.parametrize("case", HARDNESS)
def test_an_array_that_is_no_hardness(case: str, folders: Path) -> None:
    values, reason = HARDNESS[case]
    (folders / "hardness/subject.png").unlink()
    np.save(folders / "hardness/subject.npy", values)
    problems = diagnosed(folders)["inputs"]["unused"]
    assert len(problems) == 1
    assert reason in f"expected {problems[0]['expected']}, found {problems[0]['found']}"


@pytest.mark.parametrize("signal", ["probabilities", "hardness"])
def test_it_is_said_where_nothing_of_a_folder_can_be_used(
    signal: str, folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in (folders / signal).iterdir():
        file.write_text("none")
    found = diagnosed(folders)
    assert len(found["inputs"]["unused"]) == 3
    said = "could be used, so the report has no"
    views = {"probabilities": "Calibration and no Suspects", "hardness": "Hardness"}[signal]
    printed = capsys.readouterr().out
    assert f"no file of {folders / signal} {said} {views}\n" in printed
    assert printed.count(said) == 1
