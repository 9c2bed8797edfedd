"""hardpix data: what it lists, shows and finds in folders, which are small trees in the layouts of data sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hardpix.__main__ import main
from hardpix.data import load_preset, preset_names
from hardpix.data.preset_check import look_for


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "400")

    def call(*words: object) -> tuple[int, str]:
        code = main(["data", *map(str, words)])
        said = capsys.readouterr()
        return code, said.out + said.err

    return call


def write(path: Path, values: np.ndarray | list[list[int]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array(values, np.uint8)).save(path)


@pytest.fixture
def ade(tmp_path: Path) -> Path:
    """Two images to train on and one to validate on; of each mask half is wall, a quarter sky."""
    root = tmp_path / "ADEChallengeData2016"
    for part, names in (
        ("training", ["ADE_train_00000001", "ADE_train_00000002"]),
        ("validation", ["ADE_val_00000001"]),
    ):
        for name in names:
            write(root / "images" / part / f"{name}.jpg", np.full((2, 2, 3), 99))
            write(root / "annotations" / part / f"{name}.png", [[1, 1], [3, 0]])
    return root


def test_the_list_has_every_preset_with_its_classes_and_license(run) -> None:
    code, said = run("list")
    assert code == 0
    rows = {
        row.split("│")[1].strip(): [cell.strip() for cell in row.split("│")] for row in said.splitlines() if "│" in row
    }
    assert sorted(rows) == preset_names()
    assert rows["ade20k"][2] == "150"
    assert rows["loveda"][3] == "CC BY-NC-SA 4.0"
    assert all(len(row[3]) > 5 and len(row[4]) > 10 for row in rows.values())


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_has_notes_and_can_be_shown(name: str, run) -> None:
    preset = load_preset(name)
    code, said = run("show", name)
    assert code == 0
    for text in (preset.name, preset.about, preset.source, preset.license):
        assert text
        assert text in said
    assert all(f"{part}: images " in said for part in preset.parts)
    assert all(class_name in said for class_name in preset.classes.names)


def test_classes_are_shown_with_ids_and_colors(run) -> None:
    _, said = run("show", "voc2012")
    rows = [[cell.strip() for cell in row.split("│")[1:-1]] for row in said.splitlines() if row.startswith("│")]
    assert ["15", "(192, 128, 128)", "person"] in rows
    assert rows[-1] == ["255", "(224, 224, 192)", "unlabeled"]
    assert "masks SegmentationClass/STEM.*, stems as listed in ImageSets/Segmentation/train.txt" in said


def test_a_complete_folder(ade: Path, run) -> None:
    code, said = run("check", "ade20k", ade)
    assert code == 0
    assert "train: 2 images, 2 masks" in said
    assert "val: 1 image, 1 mask" in said
    first, *others = said.partition("ADE_train_00000001.png: ")[2].splitlines()[0].split(", ")
    assert (first, sorted(others)) == ("wall 50 %", ["sky 25 %", "unlabeled 25 %"])
    assert f"hardpix fit --data.preset ade20k --data.root {ade}" in said


def test_options_are_as_good_as_words(ade: Path, run) -> None:
    assert run("check", "--name", "ade20k", "--root", ade) == run("check", "ade20k", ade)


def test_the_folder_around_the_data_set_is_told_where_it_is(ade: Path, run) -> None:
    for place in (ade.parent, ade / "images"):
        code, said = run("check", "ade20k", place)
        assert code == 1
        assert f"train: not there; missing: {place / 'images/training'}, {place / 'annotations/training'}" in said
        assert f"its folders are in {ade}: give that one" in said


def test_missing_folders_and_masks_are_named(ade: Path, run) -> None:
    (ade / "annotations/training/ADE_train_00000002.png").unlink()
    (ade / "annotations/validation/ADE_val_00000001.png").unlink()
    (ade / "annotations/validation").rmdir()
    code, said = run("check", "ade20k", ade)
    assert code == 1
    assert "train: 2 images, 1 mask\n  1 image without a mask: ADE_train_00000002" in said
    assert f"val: 1 image, 0 masks\n  missing: {ade / 'annotations/validation'}\n" in said
    assert "hardpix data show ade20k has the layout" in said


def test_ids_of_another_data_set_are_said(ade: Path, run) -> None:
    write(ade / "annotations/training/ADE_train_00000001.png", [[1, 200], [3, 255]])
    code, said = run("check", "ade20k", ade)
    assert code == 1
    assert "200, 255 (50 % of its pixels) is no id or color of ADE20K" in said
    assert look_for(load_preset("ade20k"), ade, "train").unknown == {200: 1, 255: 1}


def test_masks_that_cannot_be_read_are_said(ade: Path, run) -> None:
    (ade / "annotations/training/ADE_train_00000001.png").write_bytes(b"")
    code, said = run("check", "ade20k", ade)
    assert code == 1
    assert "annotations/training/ADE_train_00000001.png: expected " in said


def test_a_missing_list_of_stems_is_named_and_all_files_are_counted(tmp_path: Path, run) -> None:
    for stem in ("a", "b"):
        write(tmp_path / "JPEGImages" / f"{stem}.jpg", np.full((2, 2, 3), 99))
        write(tmp_path / "SegmentationClass" / f"{stem}.png", [[0, 15], [255, 0]])
    (tmp_path / "ImageSets/Segmentation").mkdir(parents=True)
    (tmp_path / "ImageSets/Segmentation/val.txt").write_text("b\n")
    code, said = run("check", "voc2012", tmp_path)
    assert code == 1
    assert f"train: 2 images, 2 masks\n  missing: {tmp_path / 'ImageSets/Segmentation/train.txt'}\n" in said
    assert "val: 1 image, 1 mask" in said
    (tmp_path / "ImageSets/Segmentation/train.txt").write_text("a\n")
    assert run("check", "voc2012", tmp_path)[0] == 0


def test_test_and_depth_are_not_needed(tmp_path: Path, run) -> None:
    for part in ("train", "val"):
        write(tmp_path / f"leftImg8bit/{part}/ulm/ulm_1_leftImg8bit.png", np.full((2, 2, 3), 99))
        write(tmp_path / f"gtFine/{part}/ulm/ulm_1_gtFine_labelIds.png", [[7, 7], [26, 4]])
    code, said = run("check", "cityscapes", tmp_path)
    assert code == 0
    assert f"missing: {tmp_path / 'disparity/train'}; train without it: --data.depth false" in said
    assert "test: not there (not needed for a training)" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "expected list, show, check, found nothing"),
        (["shwo", "camvid"], "found shwo; did you mean show?"),
        (["show"], "expected hardpix data show NAME, found no NAME"),
        (["show", "camvid", "more"], "expected hardpix data show NAME, found more"),
        (["check", "camvid"], "expected hardpix data check NAME DIR, found no DIR"),
        (["show", "ade20"], "did you mean ade20k?"),
        (["check", "lovda", "."], "did you mean loveda?"),
        (["check", "camvid", "no/such/folder"], "expected the folder of CamVid, found nothing at no/such/folder"),
        (["list", "--all"], "unknown option --all"),
    ],
)
def test_what_cannot_be_done_is_one_message(words: list[str], said: str, run) -> None:
    code, printed = run(*words)
    assert code == 2
    assert printed.startswith("hardpix data: ")
    assert said in printed
    assert "Traceback" not in printed


@pytest.mark.parametrize("action", ["list", "show", "check"])
def test_each_action_has_a_help(action: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["data", action, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: hardpix data {action}")
