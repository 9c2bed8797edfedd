"""Annotations of CVAT: the xml of its export "CVAT for images 1.1"."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from hardpix.data.annotations.labelme import rectangle
from hardpix.data.annotations.shapes import AnnotatedImage, Shape, empty_mask, faulty, points_of

LEAST = {"polygon": 3, "polyline": 2, "points": 1}
KINDS = {"polygon": "polygons", "polyline": "line", "points": "points"}


def read_cvat(source: Path, text: bytes) -> list[AnnotatedImage]:
    """The shapes of all images of a CVAT file, those of a higher z_order later.

    Raises:
        DataError: no such file, a shape that cannot be read, or of a type that is not known.
    """
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise faulty(source, "the xml of CVAT for images 1.1", "declarations of entities, which it never has")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise faulty(source, "the xml of CVAT for images 1.1", str(error)) from error
    if root.tag != "annotations" or root.find("image") is None:
        raise faulty(source, "annotations of images, as CVAT for images 1.1 has them", f"<{root.tag}> without <image>")
    return [_image(source, element) for element in root.iter("image")]


def _image(source: Path, image: ElementTree.Element) -> AnnotatedImage:
    try:
        name, size = image.attrib["name"], (int(image.attrib["height"]), int(image.attrib["width"]))
        drawn = [child for child in image if child.tag != "tag"]
        in_order = sorted(drawn, key=lambda child: int(child.get("z_order", 0)))
    except (KeyError, ValueError) as error:
        raise faulty(source, "images with name, width and height", repr(error)) from error
    return AnnotatedImage(source, name, size, tuple(_shape(source, child, size) for child in in_order))


def _shape(source: Path, child: ElementTree.Element, size: tuple[int, int]) -> Shape:
    given = child.attrib
    try:
        name = given["label"]
        if child.tag == "box":
            if float(given.get("rotation", 0)):
                raise faulty(source, "boxes without rotation", f"one of {given['rotation']}°", "draw it as a polygon")
            corners = [np.array([float(given[x]), float(given[y])]) for x, y in (("xtl", "ytl"), ("xbr", "ybr"))]
            return Shape(name, "polygons", (rectangle(*corners),))
        if child.tag == "mask":
            return Shape(name, "mask", mask=_mask(source, child, size))
        if child.tag in KINDS:
            numbers = [float(value) for pair in given["points"].split(";") for value in pair.split(",")]
            return Shape(name, KINDS[child.tag], (points_of(source, numbers, LEAST[child.tag]),))  # type: ignore[arg-type]
    except (KeyError, ValueError) as error:
        if isinstance(error, ValueError) and "annotations that cannot be read" in str(error):
            raise
        raise faulty(source, f"a <{child.tag}> with a label and its points", repr(error)) from error
    raise faulty(source, f"shapes of {', '.join((*KINDS, 'box', 'mask'))}", f"<{child.tag}>")


def _mask(source: Path, child: ElementTree.Element, size: tuple[int, int]) -> np.ndarray:
    """Runs of 0 and 1 in turn, along the rows of a box."""
    left, top, width, height = (int(float(child.attrib[key])) for key in ("left", "top", "width", "height"))
    runs = [int(run) for run in child.attrib["rle"].split(",")]
    if sum(runs) != width * height or min(left, top) < 0 or top + height > size[0] or left + width > size[1]:
        raise faulty(source, f"runs of {width} × {height} pixels inside of the image", f"{sum(runs)} pixels")
    mask = empty_mask(source, size)
    values = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    mask[top : top + height, left : left + width] = values.reshape(height, width)
    return mask
