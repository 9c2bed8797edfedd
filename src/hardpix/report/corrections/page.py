"""The page on which proposed corrections are accepted or rejected; it opens from disk and loads nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hardpix.data import ClassTable
from hardpix.report.corrections.regions import Region, runs_of
from hardpix.report.data_scripts import assign
from hardpix.report.page_files import named_classes, place_page, write_picture

HERE = Path(__file__).parent / "page"
DATA = "data.js"


def picture_files(number: int) -> list[str]:
    """Paths of the pictures of an image: the image itself, and its labels as colors.

    Example:
        >>> picture_files(7)
        ['pictures/000007.jpg', 'pictures/000007.png']
    """
    return [f"pictures/{number:06d}.{ending}" for ending in ("jpg", "png")]


def write_pictures(out: Path, number: int, picture: np.ndarray, labels: np.ndarray) -> None:
    """Write the pictures of an image.

    Args:
        out: folder of the page.
        number: of the image.
        picture: (H, W, 3) uint8.
        labels: (H, W, 3) uint8, labels as colors.
    """
    for path, values in zip(picture_files(number), (picture, labels), strict=True):
        write_picture(out / path, values)


def shown_region(image: int, region: Region, changes: np.ndarray, why: str) -> dict[str, Any]:
    """A region as the page has it; numbers of its row of the table, why it is there, and its pixels."""
    shown = {name: value for name, value in vars(region).items() if name not in ("margin", "agreement", "right")}
    return {"image": image, "score": region.score, "runs": runs_of(changes, region), "why": why, **shown}


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
        facts: "proposals", the folder by which decisions find it again; "fingerprint"; "signal", the name of the
            signal that regions have a mean of, or None.
        classes: names and colors.
        images: "stem", "width" and "height" of each.
        regions: as :func:`shown_region` has them.
    """
    ranked = sorted(regions, key=lambda region: -region["score"])
    data = {**facts, "classes": named_classes(classes), "images": list(images), "regions": ranked}
    assign(out / DATA, "hardpixCorrections", data)
    place_page(HERE, out)
