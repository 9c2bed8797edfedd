"""Contents of a report's folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from fake_scenes import CLASSES
from hardpix.report.against import copy_against
from hardpix.report.data_scripts import read_assigned
from hardpix.report.report_folder import _OURS, PICTURES, prepare_report
from hardpix.report.write_report import PAGE, write_report

from .fake_report import fake_report

NOTHING: dict[str, Any] = {"kinds": [], "bands": [], "objects": [], "class_iou": []}


def some(count: int) -> dict[str, Any]:
    one = list(range(count))
    return {"stem": [f"s{k}" for k in one], "width": one, "height": one, "columns": {"miou": one}}


def test_every_file_a_report_writes_is_known_as_ours(odd: Path) -> None:
    files = [path.relative_to(odd).as_posix() for path in odd.rglob("*") if path.is_file()]
    assert len(files) > 100
    assert [file for file in files if not _OURS.fullmatch(file)] == []


def test_the_page_loads_every_script_there_is_and_no_other(odd: Path) -> None:
    named = set(re.findall(r'<script[^>]* src="([^"]+)"', (odd / "index.html").read_text()))
    there = {path.relative_to(odd).as_posix() for path in odd.glob("scripts/*.js")}
    assert named == there | {"data/summary.js", "data/images.js"}
    assert there == {path.relative_to(PAGE).as_posix() for path in PAGE.glob("scripts/*.js")}


def test_no_script_makes_elements_from_text(odd: Path) -> None:
    ours = "\n".join(path.read_text() for path in PAGE.glob("scripts/*.js"))
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", ours)
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", ours)


def test_layers_are_those_that_lie_in_the_folder(odd: Path, bare: Path) -> None:
    images = read_assigned(odd / "data" / "images.js")
    for number, layers in enumerate(images["layers"]):
        folder = odd / "pictures" / f"{number:06d}"
        assert {name for k, name in enumerate(PICTURES) if layers >> k & 1} == {path.name for path in folder.iterdir()}
    for number, thumbnails in enumerate(images["thumbnails"]):
        there = [(odd / "thumbnails" / f"{number:06d}.{ending}").is_file() for ending in ("jpg", "png")]
        assert [bool(thumbnails & 1), bool(thumbnails & 2)] == there == [True, images["columns"]["errors"][number] > 0]
    images = read_assigned(bare / "data" / "images.js")
    assert images["layers"] is images["against_layers"] is images["thumbnails"] is None


@pytest.mark.parametrize(("count", "files"), [(0, 0), (1, 1), (100, 1), (101, 2), (250, 3)])
def test_details_come_in_files_of_a_hundred(tmp_path: Path, count: int, files: int) -> None:
    prepare_report(tmp_path)
    write_report(tmp_path, {}, some(count), ({**NOTHING, "kinds": [[0, 1, 0, k + 1]]} for k in range(count)))
    assert len(list(tmp_path.glob("data/details/*.js"))) == files
    pairs = read_assigned(tmp_path / "data" / "images.js")["errors"]["pair"]
    assert pairs == ({"0,1": {"image": [*range(count)], "pixels": [*range(1, count + 1)]}} if count else {})


def test_lengths_that_differ_are_refused(tmp_path: Path) -> None:
    prepare_report(tmp_path)
    with pytest.raises(ValueError, match="each of the 3 images, found 2 of miou"):
        write_report(tmp_path, {}, {**some(3), "columns": {"miou": [1, 2]}}, [])
    with pytest.raises(ValueError, match="details of 3 images, found those of 2"):
        write_report(tmp_path, {}, some(3), [NOTHING] * 2)
    with pytest.raises(ValueError, match="found 1 of against miou"):
        write_report(tmp_path, {}, {**some(3), "against": {"miou": [1]}}, [])


def test_only_a_prepared_folder_is_written_to(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="prepare_report"):
        write_report(tmp_path, {}, some(0), [])
    assert list(tmp_path.iterdir()) == []


def test_another_report_is_matched_by_names(odd: Path, tmp_path: Path) -> None:
    theirs = read_assigned(odd / "data" / "images.js")
    stems = [theirs["stem"][5], "unknown", theirs["stem"][0]]
    classes = ["new", *reversed(CLASSES)]
    prepare_report(tmp_path)
    (tmp_path / "pictures" / "000002").mkdir(parents=True)
    run, columns = copy_against(odd, tmp_path, stems, classes)
    assert columns["miou"] == [theirs["columns"]["miou"][5], None, theirs["columns"]["miou"][0]]
    scores = read_assigned(odd / "data" / "summary.js")["class_scores"]["iou"]
    assert run["class_scores"]["iou"][:2] == [None, scores[5]]
    summary = read_assigned(odd / "data" / "summary.js")
    for key, table in (("class_kinds", "pixels"), ("class_kinds", "cost"), ("size_scores", "missed")):
        rows = summary[key][table]
        # The fifth class has another name there.
        assert run[key][table] == [[None, *reversed([*row[:4], None, *row[5:]])] for row in rows]
    assert run["size_scores"]["cost"] == summary["size_scores"]["cost"]
    assert (run["hardness"], run["calibration"]) == (summary["hardness"], summary["calibration"])
    assert run["shared"] == 2
    copied = {path.relative_to(tmp_path / "against" / "pictures").as_posix() for path in tmp_path.glob("against/*/*/*")}
    names = {"prediction.png", "kinds.png", "hardness.png", "labels.js"}
    assert copied == {f"000002/{name}" for name in names}  # of an image without pictures here none are shown
    prediction = tmp_path / "against" / "pictures" / "000002" / "prediction.png"
    assert prediction.read_bytes() == (odd / "pictures" / "000000" / "prediction.png").read_bytes()


def test_a_report_of_other_images_is_no_use(odd: Path, tmp_path: Path) -> None:
    prepare_report(tmp_path)
    with pytest.raises(ValueError, match="a report of the same images"):
        copy_against(odd, tmp_path, ["unknown"], [])
    with pytest.raises(FileNotFoundError, match="the folder of a report"):
        copy_against(tmp_path / "nowhere", tmp_path, ["unknown"], [])


def test_writing_again_leaves_nothing_of_the_earlier_report(tmp_path: Path) -> None:
    out = tmp_path / "report"
    fake_report(out, 3)
    prepare_report(out, overwrite=True)
    assert [path.name for path in out.iterdir()] == ["hardpix.json"]
