"""Layers on disk, read back by an image library."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hardpix.data.heat import heat_colors
from hardpix.data.palette import palette
from hardpix.report.report_pictures import write_pictures

CLASSES = [(1, 2, 3), (40, 50, 60), (255, 0, 255)]
KINDS = [(10, 20, 30), (200, 100, 0)]
TRUTH = np.array([[0, 1, 2, 255], [2, 2, 3, 254]], np.uint8)


def write(out: Path, number: int = 7, **layers: Any) -> Path:
    write_pictures(out, number, **{"class_colors": CLASSES, "kind_colors": KINDS, **layers})
    return out / "pictures" / f"{number:06d}"


def rgba(path: Path) -> np.ndarray:
    return np.array(Image.open(path).convert("RGBA"))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int64])
def test_labels_have_their_colours_and_what_has_no_label_is_seen_through(tmp_path: Path, dtype: type) -> None:
    folder = write(tmp_path, truth=TRUTH.astype(dtype))
    for label, pixel in zip(TRUTH.flat, rgba(folder / "truth.png").reshape(-1, 4).tolist(), strict=True):
        assert pixel == [*CLASSES[label], 255] if label < 3 else pixel[3] == 0


def test_kinds_start_at_one_and_suspects_are_opaque(tmp_path: Path) -> None:
    kinds = np.array([[0, 1, 2, 255]], np.uint8)
    folder = write(tmp_path, kinds=kinds, suspects=kinds == 1)
    assert rgba(folder / "kinds.png")[0].tolist()[1:3] == [[*KINDS[0], 255], [*KINDS[1], 255]]
    assert rgba(folder / "kinds.png")[0, :, 3].tolist() == [0, 255, 255, 0]
    assert rgba(folder / "suspects.png")[0, :, 3].tolist() == [0, 255, 0, 0]


def test_hardness_has_the_colours_of_heat(tmp_path: Path) -> None:
    folder = write(tmp_path, hardness=np.array([[0.0, 0.5, 1.0, 2.0, np.nan]]))
    expected = heat_colors()[[0, 128, 255, 255, 0]]
    assert rgba(folder / "hardness.png")[0, :, :3].tolist() == expected.tolist()


@pytest.mark.parametrize("count", [255, 256, 300])
def test_as_many_classes_as_there_are(tmp_path: Path, count: int) -> None:
    colors = palette(count)
    truth = np.arange(count + 1).reshape(1, -1)
    folder = write(tmp_path, truth=truth, class_colors=colors)
    assert rgba(folder / "truth.png")[0, :count, :3].tolist() == [list(colour) for colour in colors]
    assert rgba(folder / "truth.png")[0, :, 3].tolist() == [255] * count + [0]
    assert (folder / "labels.js").exists() == (count == 255)


def test_labels_can_be_read_as_data(tmp_path: Path) -> None:
    folder = write(tmp_path, truth=TRUTH, prediction=TRUTH % 2, kinds=TRUTH % 3)
    script = (folder / "labels.js").read_text()
    assert script.startswith("hardpixData(")
    labels = json.loads(script.removeprefix("hardpixData(").rstrip().removesuffix(");"))
    read = {
        name: np.array(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))) for name, uri in labels.items()
    }
    assert read["truth"].tolist() == np.where(TRUTH < 3, TRUTH, 255).tolist()
    assert read["prediction"].tolist() == (TRUTH % 2).tolist()
    assert read["kinds"].tolist() == (TRUTH % 3).tolist()


def test_large_pictures_are_made_smaller_and_labels_keep_to_their_values(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    truth = random.integers(0, 3, (30, 90)).astype(np.uint8)
    image = random.integers(0, 256, (30, 90, 3)).astype(np.uint8)
    folder = write(tmp_path, image=image, truth=truth, longest_side=45)
    assert Image.open(folder / "image.jpg").size == Image.open(folder / "truth.png").size == (45, 15)
    shown = rgba(folder / "truth.png")[..., :3]
    assert shown.tolist() == np.asarray(CLASSES)[truth[1::2, 1::2]].tolist()


def test_thumbnails_are_narrow_and_of_what_there_is(tmp_path: Path) -> None:
    write(tmp_path, 0, image=np.full((300, 640, 3), 200, np.uint8), truth=np.zeros((300, 640), np.uint8))
    write(tmp_path, 1, prediction=np.full((40, 60), 2, np.uint8))
    write(tmp_path, 2)
    assert Image.open(tmp_path / "thumbnails" / "000000.jpg").size == (160, 75)
    assert np.array(Image.open(tmp_path / "thumbnails" / "000000.jpg")).mean() == pytest.approx(200, abs=2)
    small = np.array(Image.open(tmp_path / "thumbnails" / "000001.jpg"))
    assert small.shape == (40, 60, 3)
    assert small.mean(axis=(0, 1)) == pytest.approx(CLASSES[2], abs=4)
    assert not (tmp_path / "thumbnails" / "000002.jpg").exists()
    assert not (tmp_path / "pictures" / "000002").exists()


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("longest_side", [None, 64])
def test_errors_lie_over_the_thumbnail_as_opaque_as_they_are_many(
    tmp_path: Path, alone: bool, longest_side: int | None
) -> None:
    kinds = np.zeros((40, 640), np.uint8)
    kinds[4:8, 8:12] = 2  # all of the thumbnail's pixel (1, 2)
    kinds[12, 16:20] = 1  # a quarter of (3, 4): half as opaque
    image = np.zeros((40, 640, 3), np.uint8)
    write(tmp_path, 0, image=image, kinds=kinds, thumbnail_alone=alone)
    errors = rgba(tmp_path / "thumbnails" / "000000.png").astype(int)
    opaque = np.zeros((10, 160))
    opaque[1, 2], opaque[3, 4] = 255, 127.5
    assert errors.shape == (10, 160, 4)
    assert errors[..., 3] == pytest.approx(opaque, abs=1)
    assert errors[1, 2, :3].tolist() == list(KINDS[1])
    assert errors[3, 4, :3] == pytest.approx(KINDS[0], abs=2)
    smaller = write(tmp_path, 1, image=image, kinds=kinds, longest_side=longest_side, thumbnail_alone=alone)
    small = rgba(smaller.parents[1] / "thumbnails" / "000001.png")
    side = 4 if longest_side is None else 10  # of the image, in a pixel of the thumbnail
    touched = (kinds > 0).reshape(40 // side, side, 640 // side, side).any((1, 3))
    assert (small[..., 3] > 0).tolist() == touched.tolist()  # a line of a pixel, too


def test_without_errors_nothing_lies_over_the_thumbnail(tmp_path: Path) -> None:
    write(tmp_path, 0, truth=TRUTH, kinds=np.array([[0, 0, 255, 255], [3, 0, 0, 0]], np.uint8))
    assert [path.name for path in (tmp_path / "thumbnails").iterdir()] == ["000000.jpg"]


def test_layers_of_different_sizes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="layers of one size for image 7"):
        write(tmp_path, truth=TRUTH, prediction=TRUTH.T)
