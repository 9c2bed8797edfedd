"""Names of masks and predictions that do not pair: what the message advises, done, diagnoses all of them."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hardpix.__main__ import main

CASES = {
    "ending of predictions": ("{}.png", "{}_pred.png", "--prediction_suffix _pred"),
    "ending of masks": ("{}_labelIds.png", "{}.png", "--truth_suffix _labelIds"),
    "both": ("s_{}_gt.png", "s_{}_pred.png", "--truth_suffix _gt --prediction_suffix _pred"),
    "beginning": ("{}.png", "pred_{}.png", "--prediction_suffix 'pred_*'"),
    "type": ("{}.png", "{}.png.tif", "--prediction_suffix .png.tif"),
}


def write(folder: Path, pattern: str) -> None:
    folder.mkdir(exist_ok=True)
    for number in (1, 2, 11):
        ids = np.zeros((8, 8), dtype=np.uint8)
        ids[: number % 7 + 1] = 1
        Image.fromarray(ids).save(folder / pattern.format(number))


def diagnose(*more: str) -> int:
    return main(["diagnose", "--truth=truth", "--predictions=predictions", "--out=out", "--workers=1", *more])


@pytest.mark.parametrize("case", CASES)
def test_the_setting_that_is_named_pairs_all(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    truth, prediction, settings = CASES[case]
    write(tmp_path / "truth", truth)
    write(tmp_path / "predictions", prediction)
    assert diagnose() == 2
    said = capsys.readouterr().err
    assert f"{prediction.format(1)} for {truth.format(1)}" in said
    assert "(3 of 3 masks)" in said
    assert f"what to do: give {settings}\n" in said
    assert diagnose(*shlex.split(settings)) == 0
    assert "report of 3 images" in " ".join(capsys.readouterr().out.split())


def test_of_several_masks_a_prediction_one_ending_is_to_be_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for ending in ("color", "labelIds", "labelTrainIds"):
        write(tmp_path / "truth", f"s_{{}}_fine_{ending}.png")
    write(tmp_path / "predictions", "s_{}_left.png")
    assert diagnose() == 2
    said = capsys.readouterr().err
    assert "s_1_fine_color.png for s_1_left.png" in said
    assert said.count("what to do") == 1
    assert "remove the mask" not in said
    ways = re.findall(r"(?:either|or) give ([^;\n]+)", said)
    endings = "color", "labelIds", "labelTrainIds"
    assert ways == [f"--prediction_suffix _left --truth_suffix _fine_{ending}" for ending in endings]
    for way in ways:
        assert diagnose(*shlex.split(way), "--overwrite=true") == 0
        assert "report of 3 images" in " ".join(capsys.readouterr().out.split())


def test_types_that_are_not_read_and_names_of_another_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "truth", "A{}.png")
    write(tmp_path / "predictions", "A{}.gif")
    assert diagnose() == 2
    said = capsys.readouterr().err
    assert "A1.gif for A1.png" in said
    assert "convert the predictions to png, because gif is not read" in said
    assert "3 × gif" in said
    for path in list((tmp_path / "predictions").iterdir()):
        Image.open(path).save(path.with_name(path.name.lower()).with_suffix(".png"))
    assert diagnose() == 2
    assert "a1.png for A1.png" in (said := capsys.readouterr().err)
    assert "agree in upper and lower case" in said


def test_an_image_without_its_file_is_diagnosed_and_the_other_file_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("truth", "predictions"):
        write(tmp_path / folder, "{}.png")
    write(tmp_path / "images", "{}_rgb.png")
    assert diagnose("--images=images") == 0
    said = capsys.readouterr().out
    assert "expected an image 1.* in images, found 1_rgb.png, named otherwise" in said
    assert "what to do: give --image_suffix _rgb" in said


def test_pictures_of_predictions_are_not_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The folder that hardpix predict writes holds label maps and overlays."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "truth", "{}.png")
    (tmp_path / "predictions").mkdir()
    write(tmp_path / "predictions" / "labels", "{}.png")
    write(tmp_path / "predictions" / "overlays", "{}.jpg")
    assert diagnose() == 2
    said = capsys.readouterr().err
    assert "what to do: give predictions/labels as the folder of the predictions\n" in said
    assert main(["diagnose", "--truth=truth", "--predictions=predictions/labels", "--out=out", "--workers=1"]) == 0


def test_gif_is_read_where_the_ending_names_it(tmp_path: Path) -> None:
    """White is the class 1 of the predictions, whatever number the gif has given it."""
    write(tmp_path / "predictions", "{}.png")
    (tmp_path / "truth").mkdir()
    for path in (tmp_path / "predictions").iterdir():
        shown = Image.fromarray(np.asarray(Image.open(path)) * np.uint8(255))
        shown.save(tmp_path / "truth" / f"{path.stem}_manual.gif")
    (tmp_path / "classes.yaml").write_text("classes: [{name: a, id: 0}, {name: b, id: [1, 255]}]\n")
    folders = ["--truth", str(tmp_path / "truth"), "--predictions", str(tmp_path / "predictions")]
    more = ["--classes", str(tmp_path / "classes.yaml"), "--out", str(tmp_path / "report")]
    assert main(["diagnose", *folders, "--truth_suffix", "_manual.gif", *more]) == 0
    (of_a, of_b) = json.loads((tmp_path / "report" / "summary.json").read_text(encoding="utf-8"))["confusion"]
    assert (of_a[1], of_b[0]) == (0, 0)
    assert of_a[0] + of_b[1] == 3 * 8 * 8
