"""Files of annotations, told apart by their content."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from hardpix.data.annotations.coco import read_coco
from hardpix.data.annotations.cvat import read_cvat
from hardpix.data.annotations.labelme import read_labelme
from hardpix.data.annotations.shapes import AnnotatedImage, faulty


def read_annotations(place: Path) -> list[AnnotatedImage]:
    """The annotated images of a file of COCO or CVAT, or of a folder of LabelMe files.

    Raises:
        DataError: a file that is none of them, or has a part that cannot be read.
        FileNotFoundError: there is nothing to read.
    """
    files = sorted([*place.rglob("*.json"), *place.rglob("*.xml")]) if place.is_dir() else [place]
    if not files or not files[0].is_file():
        raise FileNotFoundError(f"expected a json or xml file of annotations, or a folder of them, found none: {place}")
    return [image for file in files for image in _read(file)]


def _read(file: Path) -> list[AnnotatedImage]:
    text = file.read_bytes()
    if text.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<"):
        return read_cvat(file, text)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise faulty(file, "json of LabelMe or COCO, or xml of CVAT", str(error)) from error
    if isinstance(content, Mapping) and isinstance(content.get("shapes"), list):
        return [read_labelme(file, content)]
    if isinstance(content, Mapping) and all(isinstance(content.get(key), list) for key in ("images", "annotations")):
        return read_coco(file, content)
    found = f"keys {', '.join(map(str, content))[:80]}" if isinstance(content, Mapping) else type(content).__name__
    raise faulty(file, "the shapes of LabelMe, or the images and annotations of COCO", found)
