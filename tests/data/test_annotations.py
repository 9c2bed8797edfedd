"""Annotations of LabelMe, COCO and CVAT as masks, against skimage, pycocotools and what the formats say."""

from __future__ import annotations

import base64
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage.draw import polygon

from hardpix.data import DataError
from hardpix.data.annotations import Shape, rasterize, read_annotations

SIZE = (40, 50)


def drawn(shapes: tuple[Shape, ...] | list[Shape], size: tuple[int, int] = SIZE, **settings: float) -> np.ndarray:
    return rasterize(shapes, size, lambda name: {"a": 1, "b": 2}[name], 0, **settings).mask


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.floats(-10, 60), st.floats(-10, 50)), min_size=3, max_size=8))
def test_polygons_are_those_of_skimage_by_pixel_centers(points: list[tuple[float, float]]) -> None:
    corners = np.array(points) + 0.001234  # no center lies on an edge
    expected = np.zeros(SIZE, np.uint8)
    rows, columns = polygon(corners[:, 1] - 0.5, corners[:, 0] - 0.5, SIZE)
    expected[rows, columns] = 1
    found = drawn([Shape("a", "polygons", (corners,))])
    # Rounding at an edge that runs through a center.
    assert (found != expected).sum() <= 1


def test_a_rectangle_of_whole_pixels_is_exact_and_neighbors_neither_overlap_nor_gape() -> None:
    left, right = (np.array([[x, 3.0], [x + 5, 3], [x + 5, 9], [x, 9]]) for x in (2.0, 7.0))
    found = rasterize(
        [Shape("a", "polygons", (left,)), Shape("b", "polygons", (right,))], SIZE, {"a": 1, "b": 2}.get, 0
    )
    assert found.hidden == 0
    expected = np.zeros(SIZE, int)
    expected[3:9, 2:7], expected[3:9, 7:12] = 1, 2
    np.testing.assert_array_equal(found.mask, expected)


def test_lines_circles_and_points_are_pixels_within_reach() -> None:
    y, x = np.mgrid[:40, :50] + 0.5
    line = drawn([Shape("a", "line", (np.array([[5.2, 7.1], [30.3, 20.4], [31.0, 2.0]]),))], line_width=3)
    apart = np.full(SIZE, np.inf)
    for (x0, y0), (x1, y1) in (((5.2, 7.1), (30.3, 20.4)), ((30.3, 20.4), (31.0, 2.0))):
        for share in np.linspace(0, 1, 4001):
            apart = np.minimum(apart, np.hypot(x - x0 - share * (x1 - x0), y - y0 - share * (y1 - y0)))
    np.testing.assert_array_equal(line == 1, apart <= 1.5)
    circle = drawn([Shape("a", "circle", (np.array([[10.0, 12.0], [15.2, 12.0]]),))])
    np.testing.assert_array_equal(circle == 1, np.hypot(x - 10, y - 12) <= 5.2)
    point = drawn([Shape("b", "points", (np.array([[3.99, 0.0], [49.0, 39.9], [70.0, 5.0]]),))])
    assert [tuple(place) for place in np.argwhere(point)] == [(0, 3), (39, 49)]
    assert drawn([Shape("b", "points", (np.array([[10.5, 10.5]]),))], point_size=5).sum() == 2 * 21


def test_the_later_shape_is_drawn_over_the_earlier_and_what_it_hides_is_counted() -> None:
    square = np.array([[0, 0], [10, 0], [10, 10], [0, 10]], float)
    shapes = [
        Shape("a", "polygons", (square,)),
        Shape("b", "polygons", (square + 5,)),
        Shape("b", "polygons", (square,)),
    ]
    for count, hidden in ((1, 0), (2, 25), (3, 100)):
        assert rasterize(shapes[:count], SIZE, {"a": 1, "b": 2}.get, 0).hidden == hidden
    assert drawn(shapes[:2])[7, 7] == 2


def labelme(**more: Any) -> dict[str, Any]:
    return {
        "version": "5.4",
        "shapes": [],
        "imagePath": "..\\photos\\x.jpg",
        "imageHeight": 40,
        "imageWidth": 50,
        **more,
    }


def written(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_labelme(tmp_path: Path) -> None:
    part = BytesIO()
    Image.fromarray(np.array([[1, 0], [1, 1]], bool)).save(part, "PNG")
    shapes = [
        {"label": "a", "shape_type": "rectangle", "points": [[8, 9], [2, 3]]},
        {"label": "b", "shape_type": "point", "points": [[20.5, 10.5]]},
        {"label": "b", "shape_type": "mask", "points": [[30, 31], [31, 32]],
         "mask": base64.b64encode(part.getvalue()).decode()},
        {"label": "b", "shape_type": "circle", "points": [[10, 30], [13, 30]]},
        {"label": "a", "points": [[40, 1], [44, 1], [44, 3]]},
        {"label": "a", "shape_type": "linestrip", "points": [[40, 20], [44, 20]]},
    ]  # fmt: skip
    (image,) = read_annotations(written(tmp_path / "x.json", labelme(shapes=shapes)))
    assert (image.name, image.size) == ("x.jpg", SIZE)
    mask = drawn(image.shapes)
    assert (mask[3:9, 2:8] == 1).all()
    assert mask[10, 20] == 2
    assert mask[31:33, 30:32].tolist() == [[2, 0], [2, 2]]
    assert [shape.kind for shape in image.shapes] == ["polygons", "points", "mask", "circle", "polygons", "line"]


def coco(segmentation: object, **more: Any) -> dict[str, Any]:
    entry = {"id": 1, "image_id": 7, "category_id": 3, "segmentation": segmentation, **more}
    image = {"id": 7, "file_name": "sub/x.jpg", "height": 40, "width": 50}
    return {"images": [image], "annotations": [entry], "categories": [{"id": 3, "name": "a"}]}


def test_coco_polygons_are_those_of_pycocotools_but_for_half_pixels(tmp_path: Path) -> None:
    coco_mask = pytest.importorskip("pycocotools.mask")
    parts = [[3.2, 4.1, 30.7, 8.8, 22.4, 33.3, 5.0, 25.0], [35.0, 2.0, 45.0, 2.0, 45.0, 12.0, 35.0, 12.0]]
    (image,) = read_annotations(written(tmp_path / "c.json", coco(parts)))
    expected = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(parts, *SIZE)))
    found = drawn(image.shapes)
    inside, grown = (coco_mask_like(expected, by) for by in (-1, 1))
    assert (found[inside] == 1).all()
    assert (found[~grown] == 0).all()
    assert (found != expected).mean() < 0.02


def coco_mask_like(mask: np.ndarray, by: int) -> np.ndarray:
    from scipy.ndimage import binary_dilation, binary_erosion

    return (binary_dilation if by > 0 else binary_erosion)(mask > 0, np.ones((3, 3)))


@pytest.mark.parametrize("compressed", [True, False])
def test_coco_runs_are_those_of_pycocotools(tmp_path: Path, compressed: bool) -> None:
    coco_mask = pytest.importorskip("pycocotools.mask")
    truth = np.random.default_rng(0).random(SIZE) < 0.3
    if compressed:
        runs = coco_mask.encode(np.asfortranarray(truth.astype(np.uint8)))
        counts: Any = runs["counts"].decode()
    else:
        flat = truth.ravel(order="F")
        edges = np.flatnonzero(np.diff(flat)) + 1
        counts = np.diff([0, *edges, flat.size]).tolist()
        counts = [0, *counts] if flat[0] else counts
    (image,) = read_annotations(written(tmp_path / "c.json", coco({"size": list(SIZE), "counts": counts})))
    np.testing.assert_array_equal(drawn(image.shapes) == 1, truth)


def test_coco_boxes_alone_are_counted_and_not_drawn(tmp_path: Path) -> None:
    (image,) = read_annotations(written(tmp_path / "c.json", coco([], bbox=[1, 2, 3, 4])))
    assert (image.shapes, image.left_out) == ((), 1)


CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta/>
<image id="0" name="sub/x.jpg" width="50" height="40">
{}
</image></annotations>"""


def test_cvat(tmp_path: Path) -> None:
    shapes = """
    <box label="b" xtl="2.0" ytl="3.0" xbr="8.0" ybr="9.0" z_order="1"/>
    <polygon label="a" points="0.0,0.0;10.0,0.0;10.0,5.0;0.0,5.0"><attribute name="q">1</attribute></polygon>
    <points label="a" points="20.5,10.5;22.5,10.5" z_order="0"/>
    <polyline label="a" points="40,20;44,20" z_order="0"/>
    <mask label="b" rle="1, 2, 1" left="30" top="31" width="2" height="2" z_order="0"/>
    <tag label="night"/>"""
    (image,) = read_annotations(written(tmp_path / "c.xml", CVAT.format(shapes)))
    mask = drawn(image.shapes)
    assert (mask[3:9, 2:8] == 2).all()
    assert (mask[:3, :10] == 1).all()
    assert mask[10, 20:23].tolist() == [1, 0, 1]
    assert mask[31:33, 30:32].tolist() == [[0, 2], [2, 0]]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.json", "{", "json of LabelMe or COCO, or xml of CVAT"),
        ("x.json", {"a": 1}, "found keys a"),
        ("x.json", labelme(shapes=[{"label": "a", "shape_type": "cube", "points": [[1, 2]]}]), "found 'cube' of 'a'"),
        ("x.json", labelme(shapes=[{"label": "a", "points": [[1, 2]]}]), "3 or more points"),
        ("x.json", labelme(shapes=[{"label": "a", "points": [[1, 2], [3, float("nan")], [4, 5]]}]), "3 or more points"),
        ("x.json", labelme(shapes=[{"points": [[1, 2]]}]), "shapes with a label"),
        ("x.json", coco([[1, 2, 3, 4, 5, 6]], category_id=9), "category 9"),
        ("x.json", coco([[1, 2, 3, 4]]), "3 or more points"),
        ("x.xml", "<annotations/>", "without <image>"),
        ("x.xml", '<!DOCTYPE a [<!ENTITY b "c">]><annotations/>', "declarations of entities"),
        ("x.xml", CVAT.format('<ellipse label="a" cx="1"/>'), "found <ellipse>"),
        ("x.xml", CVAT.format('<polygon label="a" points="1,2;x"/>'), "a <polygon> with a label and its points"),
        ("x.xml", CVAT.format('<box label="a" xtl="1" ytl="1" xbr="2" ybr="2" rotation="30"/>'), "one of 30°"),
        ("x.xml", CVAT.format('<mask label="a" rle="5" left="0" top="0" width="2" height="2"/>'), "5 pixels"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, content: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_annotations(written(tmp_path / name, content))


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="expected a json or xml file"):
        read_annotations(tmp_path)
