"""Annotations of LabelMe: one json an image."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
from PIL import Image

from hardpix.data.annotations.shapes import AnnotatedImage, Shape, empty_mask, faulty, points_of

# Fewest points of each type.
LEAST = {"polygon": 3, "rectangle": 2, "circle": 2, "line": 2, "linestrip": 2, "point": 1, "points": 1, "mask": 2}


def read_labelme(source: Path, content: Mapping[str, Any]) -> AnnotatedImage:
    """The shapes of a LabelMe file.

    Raises:
        DataError: a shape that cannot be read, or of a type that is not known.
    """
    size = (content.get("imageHeight"), content.get("imageWidth"))
    known = (size[0], size[1]) if isinstance(size[0], int) and isinstance(size[1], int) else None
    name = PureWindowsPath(str(content.get("imagePath") or f"{source.stem}.*")).name
    return AnnotatedImage(source, name, known, tuple(_shape(source, shape, known) for shape in content["shapes"]))


def _shape(source: Path, shape: Any, size: tuple[int, int] | None) -> Shape:
    if not isinstance(shape, Mapping) or not isinstance(shape.get("label"), str):
        raise faulty(source, "shapes with a label", f"{shape!r:.80}")
    name, kind = shape["label"], shape.get("shape_type") or "polygon"
    if kind not in LEAST:
        raise faulty(source, f"a shape_type of {', '.join(LEAST)}", f"{kind!r:.40} of {name!r:.40}")
    points = points_of(source, shape.get("points"), LEAST[kind])
    if kind == "rectangle":
        return Shape(name, "polygons", (rectangle(points[0], points[1]),))
    if kind == "mask":
        return Shape(name, "mask", mask=_mask(source, shape, points, size))
    kinds = {"polygon": "polygons", "linestrip": "line", "point": "points"}
    return Shape(name, kinds.get(kind, kind), (points,))  # type: ignore[arg-type]


def rectangle(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Corners of a rectangle by two opposite ones."""
    return np.array([one, [other[0], one[1]], other, [one[0], other[1]]])


def _mask(source: Path, shape: Mapping[str, Any], points: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    try:
        with Image.open(BytesIO(base64.b64decode(shape["mask"])), formats=["PNG"]) as image:
            part = np.array(image).astype(bool)
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise faulty(source, "a mask as png in base64", str(error)) from error
    (left, top), height, width = points[0].round().astype(int), *part.shape[:2]
    if size is None or part.ndim != 2 or min(left, top) < 0 or top + height > size[0] or left + width > size[1]:
        raise faulty(source, f"a mask inside of the image, {size}", f"{height} × {width} pixels at ({left}, {top})")
    mask = empty_mask(source, size)
    mask[top : top + height, left : left + width] = part
    return mask
