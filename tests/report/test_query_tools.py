"""Tasks of annotation tools by the formats that their makers document, and by their own libraries where installed.

CVAT: https://docs.cvat.ai/docs/other/xml_format; Label Studio: https://labelstud.io/guide/predictions,
https://labelstud.io/tags/rectanglelabels, https://labelstud.io/tags/keypointlabels.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from hardpix.data import ClassTable
from hardpix.data.annotations import read_annotations
from hardpix.report.queries.cvat import AskedImage, write_cvat
from hardpix.report.queries.label_studio import write_config, write_tasks
from hardpix.report.queries.regions import Region

CLASSES = ClassTable(["road", 'a "sign" <&>', "Straße"], [0, 1, 2], [(1, 2, 3), (4, 5, 6), (255, 0, 16)])
IMAGES = [
    AskedImage("sub/a b&<ü>.png", (40, 60), [Region(1, (0, 50, 5, 60), (2, 55), 50, 0.75, 1, 0.5, 0.25)]),
    AskedImage("c.png", (7, 9), [Region(k, (k, k, k + 1, k + 1), (k, k), 1, 0.1, 2, 1.0, 0.5) for k in (1, 2)]),
]
SINGLE = pytest.mark.parametrize("single", [False, True])


# ---------------------------------------------------------------- CVAT

# Elements that the format has, with their attributes and the children that they may have.
SCHEMA: dict[str, tuple[dict[str, str], set[str]]] = {
    "annotations": ({}, {"version", "meta", "image"}),
    "version": ({}, set()),
    "meta": ({}, {"task"}),
    "task": ({}, {"id", "name", "size", "mode", "labels"}),
    "name": ({}, set()),
    "size": ({}, set()),
    "mode": ({}, set()),
    "labels": ({}, {"label"}),
    "label": ({}, {"name", "color", "type", "attributes"}),
    "color": ({}, set()),
    "type": ({}, set()),
    "attributes": ({}, {"attribute"}),
    "mutable": ({}, set()),
    "input_type": ({}, set()),
    "default_value": ({}, set()),
    "values": ({}, set()),
    "image": ({"id": r"\d+", "name": ".+", "width": r"\d+", "height": r"\d+"}, {"box", "points"}),
}
NUMBER = r"\d+(\.\d+)?"
SHAPE = {"label": ".+", "source": "auto|manual", "occluded": "0|1", "z_order": r"\d+"}
SHAPES = {
    "box": {**SHAPE, **dict.fromkeys(("xtl", "ytl", "xbr", "ybr"), NUMBER)},
    "points": {**SHAPE, "points": rf"{NUMBER},{NUMBER}(;{NUMBER},{NUMBER})*"},
}


def hold(element: ElementTree.Element, within: str = "") -> None:
    """Refuse what the format does not have, or lacks."""
    if element.tag == "attribute":
        children = {child.tag for child in element}
        if within == "attributes":
            assert children == {"name", "mutable", "input_type", "default_value", "values"}
            assert element.findtext("mutable") in ("True", "False")
            assert element.findtext("input_type") in ("select", "radio", "checkbox", "number", "text")
        else:
            assert set(element.attrib) == {"name"}
            assert not children
        return
    attributes, allowed = (SHAPES[element.tag], {"attribute"}) if element.tag in SHAPES else SCHEMA[element.tag]
    assert element.attrib.keys() == attributes.keys()
    for name, pattern in attributes.items():
        assert re.fullmatch(pattern, element.attrib[name], re.DOTALL), (element.tag, name, element.attrib[name])
    for child in element:
        assert child.tag in allowed
        hold(child, element.tag)


@SINGLE
def test_cvat_has_the_elements_of_its_format(tmp_path: Path, single: bool) -> None:
    write_cvat(tmp_path / "cvat.xml", CLASSES, IMAGES, single)
    root = ElementTree.parse(tmp_path / "cvat.xml").getroot()
    hold(root)
    assert root.findtext("version") == "1.1"
    assert root.findtext("meta/task/size") == "2"
    labels = {label.findtext("name"): label.findtext("color") for label in root.iter("label")}
    assert labels == {"label me": "#ffd400", "road": "#010203", 'a "sign" <&>': "#040506", "Straße": "#ff0010"}
    for image, asked in zip(root.iter("image"), IMAGES, strict=True):
        assert image.attrib["name"] == asked.name
        assert (int(image.attrib["height"]), int(image.attrib["width"])) == asked.size
        shapes = [child for child in image if child.tag == ("points" if single else "box")]
        assert [shape.attrib["label"] for shape in shapes] == ["label me"] * len(asked.regions)
        guesses = {each.attrib["name"]: each.text for each in shapes[0]}
        first = asked.regions[0]
        assert guesses == {
            "network": f"{CLASSES.names[first.predicted]} {first.confidence:.2f}",
            "score": f"{first.score:g}",
        }


@SINGLE
def test_the_place_is_the_same_when_it_is_drawn(tmp_path: Path, single: bool) -> None:
    from hardpix.data.annotations import rasterize

    write_cvat(tmp_path / "cvat.xml", CLASSES, IMAGES, single)
    for drawn, asked in zip(read_annotations(tmp_path / "cvat.xml"), IMAGES, strict=True):
        found = rasterize(drawn.shapes, asked.size, {"label me": 1}.__getitem__, 0).mask
        expected = np.zeros(asked.size, int)
        for region in asked.regions:
            top, left, bottom, right = region.box
            expected[(region.center if single else (slice(top, bottom), slice(left, right)))] = 1
        np.testing.assert_array_equal(found, expected)


@SINGLE
def test_datumaro_reads_what_cvat_is_given(tmp_path: Path, single: bool) -> None:
    # The library that CVAT itself imports with; too large for every installation of the tests.
    dm = pytest.importorskip("datumaro", reason="datumaro is not installed")
    write_cvat(tmp_path / "annotations.xml", CLASSES, IMAGES, single)
    for image in IMAGES:
        path = tmp_path / "images" / image.name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", image.size[::-1]).save(path)
    found = list(dm.Dataset.import_from(str(tmp_path), "cvat"))
    assert [len(item.annotations) for item in found] == [1, 2]
    place = [55.5, 2.5] if single else [50, 0, 60, 5]
    assert list(found[0].annotations[0].points) == place


# ---------------------------------------------------------------- Label Studio


@SINGLE
def test_label_studio_has_what_its_format_asks_for(tmp_path: Path, single: bool) -> None:
    write_config(tmp_path / "config.xml", CLASSES, single)
    write_tasks(tmp_path / "tasks.json", CLASSES, IMAGES, single, "hardpix query")
    view = ElementTree.parse(tmp_path / "config.xml").getroot()
    assert view.tag == "View"
    shown = view.find("Image")
    assert shown is not None
    assert shown.attrib["value"] == "$image"
    controls = {child.attrib["name"]: child for child in view if "toName" in child.attrib}
    assert {child.attrib["toName"] for child in controls.values()} == {shown.attrib["name"]}
    for name in ("polygons", "brushes", "points"):
        assert [label.attrib["value"] for label in controls[name]] == list(CLASSES.names)
    kind = "keypointlabels" if single else "rectanglelabels"
    for task, asked in zip(json.loads((tmp_path / "tasks.json").read_text()), IMAGES, strict=True):
        assert task.keys() == {"data", "predictions"}
        assert unquote(task["data"]["image"]) == f"/data/local-files/?d={asked.name}"
        (prediction,) = task["predictions"]
        assert prediction["model_version"] == "hardpix query"
        assert prediction["score"] == asked.regions[0].score
        assert len({result["id"] for result in prediction["result"]}) == len(asked.regions)
        for result, region in zip(prediction["result"], asked.regions, strict=True):
            control = controls[result["from_name"]]
            assert control.tag.lower() == result["type"] == kind
            assert result["to_name"] == shown.attrib["name"]
            assert (result["original_height"], result["original_width"]) == asked.size
            value = result["value"]
            assert value.keys() == {"x", "y", "width", kind} | (set() if single else {"height", "rotation"})
            assert value[kind] == [label.attrib["value"] for label in control] == ["label me"]
            assert all(0 <= value[key] <= 100 for key in ("x", "y", "width"))
            height, width = asked.size
            if single:
                # In percent, at the center of the pixel.
                assert value["y"] * height / 100 == pytest.approx(region.center[0] + 0.5)
                assert value["x"] * width / 100 == pytest.approx(region.center[1] + 0.5)
            else:
                top, left, bottom, right = region.box
                found = [
                    value[key] * of / 100
                    for key, of in zip(("y", "x", "height", "width"), (height, width) * 2, strict=True)
                ]
                np.testing.assert_allclose(found, (top, left, bottom - top, right - left), atol=1e-9)


@SINGLE
def test_label_studios_own_library_takes_both_files(tmp_path: Path, single: bool) -> None:
    # Its interface checks predictions against a configuration as the server does; too large for every installation.
    interface = pytest.importorskip("label_studio_sdk.label_interface", reason="label-studio-sdk is not installed")
    write_config(tmp_path / "config.xml", CLASSES, single)
    write_tasks(tmp_path / "tasks.json", CLASSES, IMAGES, single, "hardpix query")
    found = interface.LabelInterface((tmp_path / "config.xml").read_text())
    found.validate()
    for task in json.loads((tmp_path / "tasks.json").read_text()):
        for prediction in task["predictions"]:
            assert found.validate_prediction(prediction, return_errors=True) == []
