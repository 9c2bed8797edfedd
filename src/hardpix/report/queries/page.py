"""The page that walks through the regions to label, best first; it opens from disk and loads nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hardpix.data import ClassTable
from hardpix.data.heat import heat_colors
from hardpix.report.data_scripts import assign
from hardpix.report.page_files import named_classes, place_page, write_picture
from hardpix.report.queries.regions import Region

HERE = Path(__file__).parent / "page"
DATA = "data.js"
# A person does not walk through more; all regions are in the table and in the tasks.
MOST_SHOWN = 2000


def picture_files(number: int) -> list[str]:
    """Paths of the pictures of an image: the image itself, the predicted classes, and the score.

    Example:
        >>> picture_files(7)
        ['pictures/000007.jpg', 'pictures/000007.png', 'pictures/000007.score.jpg']
    """
    return [f"pictures/{number:06d}.{ending}" for ending in ("jpg", "png", "score.jpg")]


def write_pictures(out: Path, number: int, picture: np.ndarray, classes: np.ndarray, heat: np.ndarray) -> None:
    """Write the pictures of an image.

    Args:
        out: folder of the page.
        number: of the image.
        picture: (H, W, 3) uint8.
        classes: (H, W, 3) uint8, predicted classes as colors.
        heat: (H, W) uint8, score from 0 to the highest of the image, 255.
    """
    for path, values in zip(picture_files(number), (picture, classes, heat_colors()[heat]), strict=True):
        write_picture(out / path, values)


def shown_region(image: int, region: Region) -> dict[str, Any]:
    """A region as the page has it, with the number of its image."""
    return {"image": image, **vars(region)}


def write_page(
    out: Path,
    facts: Mapping[str, Any],
    classes: ClassTable,
    images: Sequence[Mapping[str, Any]],
    regions: Sequence[Mapping[str, Any]],
) -> None:
    """Write the page and its data; the pictures are written by :func:`write_pictures`.

    Args:
        out: folder of the page.
        facts: "fingerprint"; "summary", a sentence on the whole; "single", whether regions are single pixels;
            "signals", what the score is made of.
        classes: names and colors.
        images: "stem", "width" and "height" of each.
        regions: as :func:`shown_region` has them, best first.
    """
    assign(
        out / DATA,
        "hardpixQuery",
        {**facts, "classes": named_classes(classes), "images": list(images), "regions": list(regions)},
    )
    place_page(HERE, out)
