"""Requests that cannot be done: exit code 2, one message that says what to change, and nothing written."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hardpix.__main__ import main
from small_runs import run, write_maps


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Masks and predictions of two images, in the folder in which the command is typed."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    for folder in ("truth", "predictions"):
        write_maps(tmp_path / folder, {stem: random.integers(0, 3, (8, 9)).astype(np.uint8) for stem in "ab"})
    return tmp_path


def typed(**settings: object) -> list[str]:
    settings = {"truth": "truth", "predictions": "predictions", "out": "report", "workers": 1} | settings
    return [
        "diagnose",
        *(f"--{name.replace('_', '-')}={value}" for name, value in settings.items() if value is not None),
    ]


def refused(capsys: pytest.CaptureFixture[str], **settings: object) -> str:
    before = {path: path.read_bytes() for path in Path.cwd().rglob("*") if path.is_file()}
    capsys.readouterr()
    assert main(typed(**settings)) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    # Progress bars of what was looked at go before it.
    message = printed.err[printed.err.index("hardpix diagnose: ") :]
    assert "Traceback" not in message
    assert {path: path.read_bytes() for path in Path.cwd().rglob("*") if path.is_file()} == before
    return message


SETTINGS: dict[str, tuple[dict[str, object], str]] = {
    "no folder of masks": ({"truth": "nowhere"}, "expected a folder of truth, found nothing at nowhere"),
    "a file for a folder": ({"predictions": "truth/a.png"}, "a folder of predictions, found a file at truth/a.png"),
    "no folder of images": ({"images": "nowhere"}, "expected a folder of images, found nothing at nowhere"),
    "no folder of hardness": ({"hardness": "nowhere"}, "expected a folder of hardness, found nothing at nowhere"),
    "out in the masks": ({"out": "truth/report"}, "outside of what is read (truth) for the report, found truth/report"),
    "out around the predictions": ({"out": "."}, "apart from what is read"),
    "out in a folder of images": ({"images": "truth", "out": "truth"}, "outside of what is read"),
    "unknown line": ({"lines": "class 1,pole"}, "among the classes class 0, class 1, class 2, found pole"),
    "unknown preset": ({"classes": "kitti"}, "or one of the presets ade20k, bdd100k, camvid"),
    "label map beside a preset": ({"classes": "camvid", "label_map": "{1: 0}"}, "label_map goes with names"),
    "gap in the label map": ({"label_map": "{0: 0, 1: 2}"}, "without a gap"),
    "negative ignore_index": ({"ignore_index": -1}, "expected an ignore_index that masks can hold"),
    "all ignored": ({"label_map": "{0: 0}", "ignore_index": 0}, "at least one class"),
    "no worker": ({"workers": 0}, "expected at least 1 worker, found 0"),
    "no picture": ({"picture_size": 0}, "expected a picture_size of at least 1 pixel, found 0"),
    "radius": ({"radius": 0}, "a radius of at least 1 pixel, found 0"),
    "thin radius": ({"thin_radius": 0}, "a thin_radius of at least 1 pixel, found 0"),
    "negative band": (
        {"band": -0.1},
        "band: expected a share of the diagonal between 0 and 1, or whole pixels from 1 on, found -0.1",
    ),
    "broken band": ({"band": 2.5}, "band: expected"),
    "falling sizes": ({"sizes": "[100, 50]"}, "increasing size limits"),
    "mixed sizes": ({"sizes": "[0.5, 50]"}, "increasing size limits"),
    "no sizes": ({"sizes": "[]"}, "found no sizes"),
    "no report to compare with": ({"against": "truth"}, "the folder of a report to compare with, found none at truth"),
    "nowhere to compare with": ({"against": "nowhere"}, "report to compare with, found none at nowhere"),
    "unknown kind of ids": ({"prediction_ids": "colours"}, "prediction_ids"),
    "unknown option": ({"truths": "truth"}, "unknown option --truths"),
    "no predictions": ({"predictions": None}, "predictions"),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_settings_that_cannot_be_used(case: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings, reason = SETTINGS[case]
    assert reason in refused(capsys, **settings)


def test_a_folder_with_something_else_is_never_written_to(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "report").mkdir()
    (here / "report" / "thesis.tex").write_text("mine")
    assert "expected a new or empty folder for the report" in refused(capsys)
    assert "expected a new or empty folder for the report" in refused(capsys, overwrite="true")


def test_a_report_is_replaced_only_if_asked(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(typed()) == 0
    assert "--overwrite to replace the report" in refused(capsys)
    assert main(["diagnose", *typed(title="again")[1:], "--overwrite"]) == 0
    assert '"title": "again"' in (here / "report" / "summary.json").read_text()


def test_a_report_is_not_compared_with_itself(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(typed()) == 0
    assert "outside of what is read (report)" in refused(capsys, against="report", overwrite="true")


def test_a_report_of_other_images_is_not_compared_with(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(here / "other", {"c": np.zeros((4, 4), np.uint8)}, {"c": np.ones((4, 4), np.uint8)})
    message = refused(capsys, against="other/report")
    assert "expected a report of the same images to compare with, found none of them in other/report" in message


def test_a_report_of_other_classes_is_not_compared_with(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(here / "other", {"a": np.zeros((4, 4), np.uint8)}, {"a": np.full((4, 4), 7, np.uint8)})
    message = refused(capsys, against="other/report")
    assert "expected a report of the same classes to compare with, class 0, class 1" in message
    assert "found class 0, class 7 in other/report; diagnose both with one class table" in message


def test_a_report_that_was_never_finished_is_not_compared_with(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "other").mkdir()
    (here / "other" / "hardpix.json").write_text('{"command": "diagnose"}')
    assert "other" in refused(capsys, against="other")


def test_a_file_that_changes_after_it_was_checked(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hardpix.commands.diagnose.print_examined", lambda *_: Path("truth/a.png").write_bytes(b""))
    assert main(typed()) == 2
    message = capsys.readouterr().err
    assert "a file has changed since it was checked" in message
    assert "truth/a.png: expected a file that can be read" in message


def test_folders_that_share_no_name(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (here / "predictions").iterdir():
        path.rename(path.with_name(f"{path.stem}_pred.png"))
    message = refused(capsys)
    assert "nothing is left to diagnose" in message
    assert "such as truth/a.png and predictions/a_pred.png" in message
    # One message on the names, not one for each file.
    assert "predictions that are named otherwise than the masks (1)" in message
    assert "found a_pred.png for a.png, b_pred.png for b.png (2 of 2 masks)" in message
    assert "what to do: give --prediction_suffix _pred" in message
    assert "no prediction for a mask" not in message
    assert "no mask for a prediction" not in message
    assert main(typed(prediction_suffix="_pred")) == 0


def test_a_folder_of_folders_says_which_of_them_has_the_names(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As `hardpix predict --confidence` writes them."""
    (here / "out" / "other").mkdir(parents=True)
    (here / "out" / "other" / "x.png").write_bytes(b"")
    shutil.copytree(here / "predictions", here / "out" / "confidence")
    (here / "predictions").rename(here / "out" / "labels")
    message = refused(capsys, predictions="out")
    assert "; files of the masks' names are in out/confidence and out/labels (for --predictions)\n" in message
    assert main(typed(predictions="out/labels")) == 0


def test_empty_folders(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "empty").mkdir()
    message = refused(capsys, truth="empty", predictions="empty")
    assert re.search(r"such as no mask \(\.png, .*\) in empty and no prediction \(\.png, .*\) in empty", message)


@pytest.mark.parametrize("classes", [None, "camvid"])
def test_no_mask_that_can_be_read(classes: str | None, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (here / "truth").iterdir():
        path.write_text("none")
    message = refused(capsys, classes=classes)
    assert (
        "truth/a.png: expected a file that can be read to its end, found no image in a format that is read" in message
    )
    assert "truth/b.png" in message


def test_masks_of_colours_without_a_table(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (here / "truth").iterdir():
        colors = np.random.default_rng(0).choice([0, 128, 200], (8, 9, 3)).astype(np.uint8)
        Image.fromarray(colors).save(path)
    message = refused(capsys)
    assert "colors without a table (2)" in message
    assert "write a class table" in message
