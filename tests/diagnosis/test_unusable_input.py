"""Files that cannot be used: listed with the reason, on the screen and in the report, and the rest is diagnosed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from small_runs import miou_of, write_maps

from .three_images import STEMS, cut, diagnosed, labels, swap, three_images, with_id


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    return three_images(tmp_path)


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
        "expected a class at every labeled pixel, found none at 2",
    ),
    "truncated mask": (lambda f: cut(f / "truth/subject.png"), "truth", "a file that can be read to its end"),
    "truncated prediction": (lambda f: cut(f / "predictions/subject.png"), "predictions", "read to its end"),
    "text": (lambda f: (f / "truth/subject.png").write_text("a,b\n"), "truth", "no image in a format"),
    "empty": (lambda f: (f / "predictions/subject.png").write_bytes(b""), "predictions", "found an empty file"),
    "colours": (
        lambda f: swap(f / "truth/subject.png", np.random.default_rng(0).integers(0, 9, (12, 16, 3)).astype(np.uint8)),
        "truth",
        "color outside the classes",
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
    # Where there is no mask, no image was to be diagnosed.
    list_, other = ("unused", "left_out") if case == "prediction without mask" else ("left_out", "unused")
    assert (len(found["inputs"][list_]), found["inputs"][other]) == (1, [])
    assert found["inputs"]["images_left_out"] == (list_ == "left_out")
    problem = found["inputs"][list_][0]
    assert problem["where"].startswith(str(folders / kind / "subject"))
    assert reason in f"{problem['kind']}: expected {problem['expected']}, found {problem['found']}"
    assert problem["advice"]
    printed = capsys.readouterr().out
    said = "1 of 3 images left out:" if list_ == "left_out" else "missing or not used, while no image is left out"
    assert said in printed
    assert all(part in printed for part in (problem["kind"], problem["where"], problem["found"], problem["advice"]))
    written = json.loads((folders / "report" / "summary.json").read_text(encoding="utf-8"))
    assert written["inputs"][list_] == [problem]


def test_nothing_is_wrong_where_nothing_is_labelled(folders: Path) -> None:
    truth, prediction = labels(2), labels(3)
    truth[:3] = 255
    prediction[:3] = [77] * 8 + [255] * 8
    swap(folders / "truth/subject.png", truth)
    swap(folders / "predictions/subject.png", prediction)
    found = diagnosed(folders)
    assert found["inputs"] | {"left_out": [], "unused": [], "count": 3} == found["inputs"]


def test_only_what_is_predicted_at_labels_is_said_to_be_unknown(folders: Path) -> None:
    truth, prediction = labels(2), with_id(3, 7)
    truth[0] = 255
    prediction[0] = 77
    swap(folders / "truth/subject.png", truth)
    swap(folders / "predictions/subject.png", prediction)
    found = diagnosed(folders)
    assert [problem["found"] for problem in found["inputs"]["left_out"]] == ["7 (2 pixels)"]


def test_no_more_than_two_hundred_are_listed(folders: Path) -> None:
    write_maps(folders / "predictions", {f"extra {k}": np.zeros((1, 1), np.uint8) for k in range(205)})
    found = diagnosed(folders, images=None, hardness=None, probabilities=None)
    assert (len(found["inputs"]["unused"]), found["inputs"]["unused_more"]) == (200, 5)
    assert (found["inputs"]["left_out"], found["inputs"]["left_out_more"]) == ([], 0)


@pytest.mark.parametrize("spoiled", ["predictions/subject.png", "truth/subject.png"])
@pytest.mark.parametrize("how", ["missing", "broken"])
def test_what_else_is_missing_of_an_image_that_is_left_out_makes_no_difference(
    how: str, spoiled: str, folders: Path
) -> None:
    path = folders / spoiled
    path.unlink() if how == "missing" else path.write_text("none")
    (folders / "hardness/subject.png").unlink()
    (folders / "images/subject.png").write_text("none")
    inputs = diagnosed(folders)["inputs"]
    without_mask = (how, spoiled) == ("missing", "truth/subject.png")
    expected = ["images", "predictions", "probabilities"] if without_mask else []
    assert sorted(Path(problem["where"]).parent.name for problem in inputs["unused"]) == expected
    assert len(inputs["left_out"]) == inputs["images_left_out"] == (not without_mask)
