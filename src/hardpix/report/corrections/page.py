"""The page on which proposed corrections are accepted or rejected; it opens from disk and loads nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hardpix.data import ClassTable
from hardpix.data.whole_files import whole_file
from hardpix.report.corrections.regions import Region, runs_of
from hardpix.report.data_scripts import assign

HERE = Path(__file__).parent / "page"
FILES = ("index.html", "page.css", "page.js")
DATA = "data.js"
# Larger pictures are shown smaller.
_LONGEST = 4096


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
    factor = min(1.0, _LONGEST / max(picture.shape[:2]))
    size = (max(1, round(picture.shape[1] * factor)), max(1, round(picture.shape[0] * factor)))
    jpg, png = (out / file for file in picture_files(number))
    with whole_file(jpg) as file:
        Image.fromarray(picture).resize(size, Image.Resampling.BOX).save(file, format="JPEG", quality=90)
    with whole_file(png) as file:
        Image.fromarray(labels).resize(size, Image.Resampling.NEAREST).save(file, format="PNG")


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
    colors = [f"#{bytes(color).hex()}" for color in classes.shown_colors]
    named = [{"name": name, "color": color} for name, color in zip(classes.names, colors, strict=True)]
    ranked = sorted(regions, key=lambda region: -region["score"])
    data = {**facts, "classes": named, "images": list(images), "regions": ranked}
    assign(out / DATA, "hardpixCorrections", data)
    for file in FILES:
        shutil.copyfile(HERE / file, out / file)
