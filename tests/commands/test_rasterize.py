"""hardpix rasterize: masks of annotations, in the ids of the class table, or one message."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from hardpix.data import read_mask
from runs import Outcome, run_hardpix


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images" / "sub").mkdir(parents=True)
    for name in ("a.png", "sub/b.jpg", "c.png"):
        Image.new("RGB", (20, 10)).save(tmp_path / "images" / name)
    write(tmp_path)
    (tmp_path / "classes.yaml").write_text(
        yaml.safe_dump({"classes": [{"name": "road", "id": 4}, {"name": "car", "id": 9}], "ignore_ids": [100]})
    )
    return tmp_path


def write(folder: Path, name: str = "car", height: int = 10, file: str = "b.jpg") -> None:
    images = [{"id": 1, "file_name": "a.png", "height": height, "width": 20},
              {"id": 2, "file_name": file, "height": 10, "width": 20}]  # fmt: skip
    boxes = {1: [0, 0, 10, 0, 10, 10, 0, 10], 2: [5, 2, 15, 2, 15, 6, 5, 6]}
    annotations = [{"id": k, "image_id": k, "category_id": k, "segmentation": [box]} for k, box in boxes.items()]
    annotations.append({"id": 3, "image_id": 1, "category_id": 2, "segmentation": [boxes[2]]})
    categories = [{"id": 1, "name": "road"}, {"id": 2, "name": name}]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "coco.json").write_text(json.dumps(content))


def rasterize(folder: Path, *more: object) -> Outcome:
    places = ("--annotations", folder / "coco.json", "--images", folder / "images", "--out", folder / "out")
    return run_hardpix("rasterize", *places, *more)


def test_masks_have_the_ids_of_the_classes_and_overlaps_are_said(folder: Path) -> None:
    outcome = rasterize(folder, "--classes", folder / "classes.yaml")
    assert outcome.code == 0, outcome.err
    expected = np.full((10, 20), 100)
    expected[:, :10] = 4
    expected[2:6, 5:15] = 9
    np.testing.assert_array_equal(read_mask(folder / "out" / "masks" / "a.png"), expected)
    alone = np.full((10, 20), 100)
    alone[2:6, 5:15] = 9
    np.testing.assert_array_equal(read_mask(folder / "out" / "masks" / "sub" / "b.png"), alone)
    assert not (folder / "out" / "masks" / "c.png").exists()
    assert "2 masks" in outcome.out
    assert "overlap at 5 % of the pixels, in 1 image (a)" in outcome.out  # 20 of 400
    table = yaml.safe_load((folder / "out" / "classes.yaml").read_text())
    assert [entry["name"] for entry in table["classes"]] == ["road", "car"]
    checked = run_hardpix("check", "--masks", folder / "out" / "masks", "--classes", folder / "out" / "classes.yaml")
    assert "hardpix fit can start" in checked.out, checked


def test_without_classes_the_names_are_numbered_and_background_fills_the_rest(folder: Path) -> None:
    outcome = rasterize(folder, "--background", "other")
    assert outcome.code == 0, outcome.err
    assert np.unique(read_mask(folder / "out" / "masks" / "a.png")).tolist() == [0, 1, 2]  # car, other, road
    assert "100 % of the pixels labeled" in outcome.out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "cars"}, "found cars\n  what to do: did you mean car? rename it"),
        ({"height": 11}, r"expected (11, 20) as annotated, found (10, 20)"),
        ({"file": "z.jpg"}, "expected one z.jpg in"),
        ({"file": "../coco.json"}, "expected one ../coco.json in"),
        ({"file": "a.png"}, "image annotated twice"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(
    folder: Path, change: dict[str, object], message: str
) -> None:
    write(folder, **change)  # type: ignore[arg-type]
    outcome = rasterize(folder, "--classes", folder / "classes.yaml")
    assert outcome.code == 2
    assert message in outcome.err
    assert not (folder / "out").exists()


def test_a_folder_that_is_there_is_not_written_into(folder: Path) -> None:
    (folder / "out").mkdir()
    assert "expected a new folder as --out" in rasterize(folder).err
