"""The page of predicted scores; it opens from disk and loads nothing but the files beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hardpix.data import ClassTable
from hardpix.data.heat import heat_colors
from hardpix.data.whole_files import whole_file
from hardpix.report.data_scripts import assign
from hardpix.report.page_files import named_classes, place_page

HERE = Path(__file__).parent / "page"
DATA = "data.js"
# Longest side of pictures, which are shown as small ones.
_LONGEST = 640


def picture_files(number: int) -> list[str]:
    """Paths of the pictures of an image: the image itself, and what the network doubts in it.

    Example:
        >>> picture_files(7)
        ['pictures/000007.jpg', 'pictures/000007_doubt.jpg']
    """
    return [f"pictures/{number:06d}{ending}.jpg" for ending in ("", "_doubt")]


def write_pictures(out: Path, number: int, picture: np.ndarray, doubt: np.ndarray) -> None:
    """Write the pictures of an image.

    Args:
        out: folder of the page.
        number: of the image.
        picture: (H, W, 3) uint8.
        doubt: (H, W, 3) uint8, the same with what the network doubts.
    """
    for path, shown in zip(picture_files(number), (picture, doubt), strict=True):
        small = Image.fromarray(shown)
        small.thumbnail((_LONGEST, _LONGEST), Image.Resampling.BOX)
        with whole_file(out / path) as file:
            small.save(file, format="JPEG", quality=85)


def write_page(
    out: Path,
    facts: Mapping[str, Any],
    classes: ClassTable,
    predicted: np.ndarray,
    images: Sequence[Mapping[str, Any]],
) -> None:
    """Write the page and its data; the pictures are written by :func:`write_pictures`.

    Args:
        out: folder of the page.
        facts: what summary.json holds, and "title".
        classes: names and colors.
        predicted: (C,) pixels of each predicted class.
        images: "number", "stem", "miou" with its two limits, "accuracy", "reason", "truth" or None, worst first.
    """
    shares = predicted / max(int(predicted.sum()), 1)
    named = [{**each, "share": share} for each, share in zip(named_classes(classes), shares.tolist(), strict=True)]
    heat = [f"#{bytes(color).hex()}" for color in heat_colors()[::51].astype(np.uint8)]
    assign(out / DATA, "hardpixEstimates", {**facts, "classes": named, "heat": heat, "shown": list(images)})
    place_page(HERE, out)
