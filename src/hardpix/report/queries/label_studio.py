"""Regions to label as tasks of Label Studio, with its labeling configuration."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from hardpix.data import ClassTable
from hardpix.data.annotations import ASK
from hardpix.data.printable import printable
from hardpix.data.whole_files import whole_file
from hardpix.report.page_files import named_classes
from hardpix.report.queries.cvat import AskedImage
from hardpix.report.queries.regions import Region

TASKS, CONFIG = "label_studio.json", "label_studio.xml"
# Name of the control that holds the regions to label.
_CONTROL = "asked"
# Percent of the image across a point on the screen; its own default.
_POINT = 0.75


def write_config(path: Path, classes: ClassTable, single: bool) -> None:
    """Write the labeling configuration: the regions to label, and polygons, brushes and points of the classes.

    Args:
        path: of the file.
        classes: names and colors.
        single: whether pixels are asked for, and not windows.
    """
    asked = "KeyPointLabels" if single else "RectangleLabels"
    labels = [
        f"    <Label value={quoteattr(printable(each['name']))} background={quoteattr(each['color'])}/>"
        for each in named_classes(classes)
    ]
    lines = ["<View>", '  <Image name="image" value="$image" zoom="true"/>']
    lines += [f'  <{asked} name="{_CONTROL}" toName="image">', f'    <Label value="{ASK}" background="#ffd400"/>']
    lines += [f"  </{asked}>"]
    for tag, name in (("PolygonLabels", "polygons"), ("BrushLabels", "brushes"), ("KeyPointLabels", "points")):
        lines += [f'  <{tag} name="{name}" toName="image">', *labels, f"  </{tag}>"]
    with whole_file(path) as file:
        file.write("\n".join([*lines, "</View>", ""]).encode())


def write_tasks(
    path: Path, classes: ClassTable, images: Iterable[AskedImage], single: bool, model_version: str
) -> None:
    """Write a task for each image, its regions as the predictions of one model.

    The image of a task is /data/local-files/?d=NAME, its path below the folder that Label Studio serves.

    Args:
        path: of the file.
        classes: names.
        images: in the order of the file.
        single: whether pixels are asked for, and not windows.
        model_version: name that Label Studio shows for the predictions.
    """
    with whole_file(path) as file:
        file.write(b"[")
        for number, image in enumerate(images):
            file.write(b",\n" if number else b"\n")
            file.write(json.dumps(_task(image, classes, single, model_version), ensure_ascii=True).encode())
        file.write(b"\n]\n")


def _task(image: AskedImage, classes: ClassTable, single: bool, model_version: str) -> dict[str, Any]:
    results = list(_results(image, classes, single))
    score = max((region.score for region in image.regions), default=0.0)
    return {
        "data": {"image": f"/data/local-files/?d={quote(image.name)}"},
        "predictions": [{"model_version": model_version, "score": score, "result": results}],
    }


def _results(image: AskedImage, classes: ClassTable, single: bool) -> Iterator[dict[str, Any]]:
    height, width = image.size
    kind = "keypointlabels" if single else "rectanglelabels"
    for region in image.regions:
        yield {
            "id": f"region{region.number}",
            "from_name": _CONTROL,
            "to_name": "image",
            "type": kind,
            "original_width": width,
            "original_height": height,
            "image_rotation": 0,
            "score": region.score,
            "meta": {"text": [f"network: {classes.names[region.predicted]} {region.confidence:.2f}"]},
            "value": {**_place(region, height, width, single), kind: [ASK]},
        }


def _place(region: Region, height: int, width: int, single: bool) -> dict[str, float]:
    """Place in percent of the image, as Label Studio has it."""
    if single:
        row, column = region.center
        return {"x": 100 * (column + 0.5) / width, "y": 100 * (row + 0.5) / height, "width": _POINT}
    top, left, bottom, right = region.box
    x, y = 100 * left / width, 100 * top / height
    return {
        "x": x,
        "y": y,
        "width": 100 * (right - left) / width,
        "height": 100 * (bottom - top) / height,
        "rotation": 0,
    }
