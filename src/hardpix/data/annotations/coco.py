"""Annotations of COCO: one json for many images, with polygons and run-length masks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from hardpix.data.annotations.shapes import AnnotatedImage, Shape, empty_mask, faulty, points_of


def read_coco(source: Path, content: Mapping[str, Any]) -> list[AnnotatedImage]:
    """The shapes of all images of a COCO file; annotations without a segmentation are counted as left out.

    Raises:
        DataError: an entry that cannot be read, or belongs to no image or no category.
        ModuleNotFoundError: run-length masks, and no pycocotools.
    """
    try:
        names = {entry["id"]: str(entry["name"]) for entry in content["categories"]}
        images = {entry["id"]: entry for entry in content["images"]}
        sizes = {key: (int(entry["height"]), int(entry["width"])) for key, entry in images.items()}
        files = {key: str(entry["file_name"]) for key, entry in images.items()}
    except (KeyError, TypeError, ValueError) as error:
        raise faulty(source, "categories with id and name, images with id, file_name and size", repr(error)) from error
    shapes: dict[Any, list[Shape]] = defaultdict(list)
    left_out: dict[Any, int] = defaultdict(int)
    for entry in content["annotations"]:
        image, category = entry.get("image_id"), entry.get("category_id")
        if image not in images or category not in names:
            raise faulty(source, "annotations of its images and categories", f"image {image!r}, category {category!r}")
        if not (segmentation := entry.get("segmentation")):
            left_out[image] += 1
        elif isinstance(segmentation, Mapping):
            mask = _run_length(source, segmentation, sizes[image])
            shapes[image].append(Shape(names[category], "mask", mask=mask))
        else:
            parts = tuple(points_of(source, part, 3) for part in segmentation)
            shapes[image].append(Shape(names[category], "polygons", parts))
    return [AnnotatedImage(source, files[key], sizes[key], tuple(shapes[key]), left_out[key]) for key in images]


def _run_length(source: Path, segmentation: Mapping[str, Any], size: tuple[int, int]) -> np.ndarray:
    """The mask of runs, which go down the columns."""
    if find_spec("pycocotools") is None:
        raise ModuleNotFoundError(
            f"{source} has run-length masks, and pycocotools, which reads them, is not installed: pip install "
            "pycocotools, or '.[annotations]' in hardpix's checkout"
        )
    from pycocotools import mask as coco_mask

    if tuple(segmentation.get("size", ())) != size:
        raise faulty(source, f"a run-length mask of the image's size {size}", f"{segmentation.get('size')}")
    empty_mask(source, size)
    try:
        counts = segmentation["counts"]
        runs = coco_mask.frPyObjects(dict(segmentation), *size) if isinstance(counts, list) else dict(segmentation)
        return coco_mask.decode(runs).astype(bool)
    except (KeyError, TypeError, ValueError) as error:
        raise faulty(source, "a run-length mask", repr(error)) from error
