"""Files that cannot be used: listed with the reason, on the screen and in the report, and the rest is diagnosed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from hardpix.diagnosis.diagnose import diagnose

from .small_runs import miou_of, write_maps

NAMES = ["ground", "thing", "other"]
STEMS = ("first", "second", "subject")


def labels(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 3, (12, 16)).astype(np.uint8)


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Everything there is for three images; what tests spoil is the subject's."""
    write_maps(tmp_path / "truth", {stem: labels(k) for k, stem in enumerate(STEMS)})
    write_maps(tmp_path / "predictions", {stem: labels(k + 9) for k, stem in enumerate(STEMS)})
    write_maps(tmp_path / "images", {stem: np.full((12, 16, 3), 90, np.uint8) for stem in STEMS})
    write_maps(tmp_path / "hardness", {stem: np.full((12, 16), 40, np.uint8) for stem in STEMS})
    equal = np.full((3, 12, 16), 1 / 3, dtype=np.float32)
    write_maps(tmp_path / "probabilities", dict.fromkeys(STEMS, equal), ".npy")
    return tmp_path


def diagnosed(folders: Path, **settings: Any) -> dict[str, Any]:
    given = {name: folders / name for name in ("truth", "predictions", "images", "hardness", "probabilities")}
    settings = {"classes": NAMES, "workers": 1, "pictures": False} | given | settings
    return diagnose(out=folders / "report", **settings)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def swap(path: Path, values: np.ndarray) -> None:
    Image.fromarray(values).save(path)


def with_id(seed: int, wrong: int) -> np.ndarray:
    values = labels(seed)
    values[3, 4:6] = wrong
    return values


WITHOUT_THE_SUBJECT: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "mask without prediction": (
        lambda f: (f / "predictions/subject.png").unlink(),
        "truth",
        "no prediction for a mask",
    ),
    "prediction without mask": (
        lambda f: (f / "truth/subject.png").unlink(),
        "predictions",
        "no mask for a prediction",
    ),
    "other size": (
        lambda f: swap(f / "predictions/subject.png", labels(1)[:, :15]),
        "predictions",
        "expected 12×16 (height × width), found 12×15",
    ),
    "id in the truth": (
        lambda f: swap(f / "truth/subject.png", with_id(2, 7)),
        "truth",
        "expected ids 0–2, or 255 to ignore, found 7 (2 pixels)",
    ),
    "id in the prediction": (
        lambda f: swap(f / "predictions/subject.png", with_id(2, 7)),
        "predictions",
        "expected ids 0–2, or 255 to ignore, found 7 (2 pixels)",
    ),
    "unlabelled predicted": (
        lambda f: swap(f / "predictions/subject.png", with_id(2, 255)),
        "predictions",
        "expected a class at every labelled pixel, found none at 2",
    ),
    "truncated mask": (lambda f: cut(f / "truth/subject.png"), "truth", "a file that can be read to its end"),
    "truncated prediction": (lambda f: cut(f / "predictions/subject.png"), "predictions", "read to its end"),
    "text": (lambda f: (f / "truth/subject.png").write_text("a,b\n"), "truth", "UnidentifiedImageError"),
    "empty": (lambda f: (f / "predictions/subject.png").write_bytes(b""), "predictions", "UnidentifiedImageError"),
    "colours": (
        lambda f: swap(f / "truth/subject.png", np.random.default_rng(0).integers(0, 9, (12, 16, 3)).astype(np.uint8)),
        "truth",
        "colour outside the classes",
    ),
    "jpg": (
        lambda f: Image.open(f / "truth/subject.png").save(f / "truth/subject.png", format="JPEG"),
        "truth",
        "jpg, which invents labels",
    ),
    "two masks": (lambda f: shutil.copy(f / "truth/subject.png", f / "truth/subject.bmp"), "truth", "several files of"),
    "two predictions": (
        lambda f: shutil.copy(f / "predictions/subject.png", f / "predictions/subject.bmp"),
        "predictions",
        "found subject.bmp and subject.png",
    ),
}


@pytest.mark.parametrize("case", WITHOUT_THE_SUBJECT)
@pytest.mark.parametrize("classes", ["given", "found"])
def test_an_image_that_cannot_be_diagnosed_is_left_out(
    case: str, classes: str, folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil, kind, reason = WITHOUT_THE_SUBJECT[case]
    spoil(folders)
    by_hand = {"classes": None} if classes == "found" else {}
    if classes == "found" and case in ("id in the truth", "id in the prediction"):
        pytest.skip("every id that is found is a class")
    found = diagnosed(folders, images=None, hardness=None, probabilities=None, **by_hand)
    assert found["inputs"]["count"] == 2
    assert pq.read_table(folders / "report" / "images.parquet")["stem"].to_pylist() == ["first", "second"]
    truth, predictions = (
        [np.asarray(Image.open(folders / k / f"{s}.png")) for s in STEMS[:2]] for k in ("truth", "predictions")
    )
    assert found["scores"]["miou"] == pytest.approx(miou_of(np.stack(truth), np.stack(predictions), 3))
    assert len(found["inputs"]["left_out"]) == 1
    problem = found["inputs"]["left_out"][0]
    assert problem["where"].startswith(str(folders / kind / "subject"))
    assert reason in f"{problem['kind']}: expected {problem['expected']}, found {problem['found']}"
    assert problem["advice"]
    printed = capsys.readouterr().out
    assert "2 images can be diagnosed; not as they should be:" in printed
    assert all(part in printed for part in (problem["kind"], problem["where"], problem["found"], problem["advice"]))
    written = json.loads((folders / "report" / "summary.json").read_text(encoding="utf-8"))
    assert written["inputs"]["left_out"] == [problem]


def test_nothing_is_wrong_where_nothing_is_labelled(folders: Path) -> None:
    truth, prediction = labels(2), labels(3)
    truth[:3] = 255
    prediction[:3] = [77] * 8 + [255] * 8
    swap(folders / "truth/subject.png", truth)
    swap(folders / "predictions/subject.png", prediction)
    found = diagnosed(folders)
    assert found["inputs"] | {"left_out": [], "count": 3} == found["inputs"]


def test_only_what_is_predicted_at_labels_is_said_to_be_unknown(folders: Path) -> None:
    truth, prediction = labels(2), with_id(3, 7)
    truth[0] = 255
    prediction[0] = 77
    swap(folders / "truth/subject.png", truth)
    swap(folders / "predictions/subject.png", prediction)
    found = diagnosed(folders)
    assert [problem["found"] for problem in found["inputs"]["left_out"]] == ["7 (2 pixels)"]


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
    "no image": (lambda f: (f / "images/subject.png").unlink(), "images", "one image subject.*"),
    "no hardness": (lambda f: (f / "hardness/subject.png").unlink(), "hardness", "no hardness map for a mask"),
    "no probabilities": (lambda f: (f / "probabilities/subject.npy").unlink(), "probabilities", "no file of prob"),
    "two images": (lambda f: shutil.copy(f / "images/first.png", f / "images/subject.tif"), "images", "several files"),
    "small image": (lambda f: swap(f / "images/subject.png", labels(0)[1:]), "images", "found 11×16"),
    "truncated image": (lambda f: cut(f / "images/subject.png"), "images", "image file is truncated"),
    "lying image": (lambda f: swap(f / "images/subject.png", labels(0).T), "images", "found 16×12"),
    "no image at all": (lambda f: (f / "images/subject.png").write_text("x"), "images", "UnidentifiedImageError"),
    "small hardness": (lambda f: swap(f / "hardness/subject.png", labels(0)[1:]), "hardness", "found 11×16"),
    "coloured hardness": (
        lambda f: swap(f / "hardness/subject.png", np.zeros((12, 16, 3), np.uint8)),
        "hardness",
        "expected one number a pixel",
    ),
    "swapped sides": (wrong_probabilities(np.zeros((3, 16, 12))), "probabilities", "found 16×12"),
    "classes last": (wrong_probabilities(np.zeros((12, 16, 3))), "probabilities", "12×16"),
    "classes missing": (wrong_probabilities(np.zeros((2, 12, 16))), "probabilities", "one of the shape (2, 12, 16)"),
    "one map": (wrong_probabilities(np.zeros((12, 16))), "probabilities", "one of the shape (12, 16)"),
    "one number": (wrong_probabilities(np.zeros(())), "probabilities", "one of the shape ()"),
    "logits": (wrong_probabilities(np.linspace(-9, 9, 576).reshape(P)), "probabilities", "found -9 to 9; logits?"),
    "not a number": (wrong_probabilities(np.full(P, np.nan)), "probabilities", "from 0 to 1, found nan"),
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
    problem = found["inputs"]["left_out"][0]
    assert len(found["inputs"]["left_out"]) == 1
    said = f"{problem['kind']}: expected {problem['expected']}, found {problem['found']}"
    assert reason in said
    printed = capsys.readouterr().out
    assert all(part in printed for part in (problem["kind"], problem["where"], problem["found"], problem["advice"]))
    table = pq.read_table(folders / "report" / "images.parquet").to_pydict()
    # The other two have the signal, this one has not.
    for signal, column in (("hardness", "mean_hardness"), ("probabilities", "ece"), ("probabilities", "suspects")):
        assert [value is None for value in table[column]] == [False, False, kind == signal]
    assert None not in table["miou"]


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_an_image_that_a_camera_turned_has_the_size_of_its_mask(suffix: str, folders: Path) -> None:
    orientation = Image.Exif()
    orientation[0x0112] = 6
    (folders / "images/subject.png").unlink()
    Image.fromarray(np.zeros((16, 12, 3), np.uint8)).save(folders / f"images/subject{suffix}", exif=orientation)
    assert diagnosed(folders)["inputs"]["left_out"] == []


HARDNESS = {
    "one row": (np.zeros(16), "array of shape (16,)"),
    "below 0": (np.full((12, 16), -0.5), "expected numbers from 0 to 1, found -0.5 to -0.5"),
    "above 1": (np.full((12, 16), 1.5, np.float16), "expected numbers from 0 to 1, found 1.5 to 1.5"),
    "not a number": (np.full((12, 16), np.nan), "found nan to nan"),
    "wide integers": (np.zeros((12, 16), int), "found int64"),
}


@pytest.mark.parametrize("case", HARDNESS)
def test_an_array_that_is_no_hardness(case: str, folders: Path) -> None:
    values, reason = HARDNESS[case]
    (folders / "hardness/subject.png").unlink()
    np.save(folders / "hardness/subject.npy", values)
    problems = diagnosed(folders)["inputs"]["left_out"]
    assert len(problems) == 1
    assert reason in f"expected {problems[0]['expected']}, found {problems[0]['found']}"


def test_no_more_than_two_hundred_are_listed(folders: Path) -> None:
    write_maps(folders / "predictions", {f"extra {k}": np.zeros((1, 1), np.uint8) for k in range(205)})
    found = diagnosed(folders, images=None, hardness=None, probabilities=None)
    assert (len(found["inputs"]["left_out"]), found["inputs"]["left_out_more"]) == (200, 5)
