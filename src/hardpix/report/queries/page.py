"""The page that walks through the regions to label, best first; it opens from disk and loads nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hardpix.data import ClassTable
from hardpix.data.heat import heat_colors
from hardpix.data.whole_files import whole_file
from hardpix.report.data_scripts import assign
from hardpix.report.queries.regions import Region

HERE = Path(__file__).parent / "page"
FILES = ("index.html", "page.css", "page.js")
DATA = "data.js"
# A person does not walk through more; all regions are in the table and in the tasks.
MOST_SHOWN = 2000
# Larger pictures are shown smaller.
_LONGEST = 4096


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
    factor = min(1.0, _LONGEST / max(picture.shape[:2]))
    size = (max(1, round(picture.shape[1] * factor)), max(1, round(picture.shape[0] * factor)))
    smooth, sharp = Image.Resampling.BOX, Image.Resampling.NEAREST
    shown = zip(picture_files(number), (picture, classes, heat_colors()[heat]), (smooth, sharp, smooth), strict=True)
    for path, values, resampling in shown:
        form: dict[str, Any] = {"format": "PNG"} if path.endswith("png") else {"format": "JPEG", "quality": 90}
        with whole_file(out / path) as file:
            Image.fromarray(values).resize(size, resampling).save(file, **form)


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
    colors = [f"#{bytes(color).hex()}" for color in classes.shown_colors]
    named = [{"name": name, "color": color} for name, color in zip(classes.names, colors, strict=True)]
    assign(out / DATA, "hardpixQuery", {**facts, "classes": named, "images": list(images), "regions": list(regions)})
    for file in FILES:
        shutil.copyfile(HERE / file, out / file)
