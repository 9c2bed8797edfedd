"""Files of a page that opens from disk: its own, pictures, and the classes as its scripts know them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hardpix.data import ClassTable
from hardpix.data.whole_files import whole_file

FILES = ("index.html", "page.css", "page.js")
# Larger pictures are shown smaller.
LONGEST = 4096


def place_page(page: Path, out: Path) -> None:
    """Copy the page, its style and its script, which know no data, from a folder of the package."""
    for file in FILES:
        shutil.copyfile(page / file, out / file)


def write_picture(path: Path, values: np.ndarray) -> None:
    """Write colors (H, W, 3) uint8, at most `LONGEST` pixels long.

    Args:
        path: a jpg, whose pixels are averaged where it is made smaller, or a png, of whose pixels some are then taken:
            they stand for classes.
        values: colors.
    """
    factor = min(1.0, LONGEST / max(values.shape[:2]))
    size = (max(1, round(values.shape[1] * factor)), max(1, round(values.shape[0] * factor)))
    sharp = path.suffix == ".png"
    form: dict[str, Any] = {"format": "PNG"} if sharp else {"format": "JPEG", "quality": 90}
    resampling = Image.Resampling.NEAREST if sharp else Image.Resampling.BOX
    with whole_file(path) as file:
        Image.fromarray(values).resize(size, resampling).save(file, **form)


def named_classes(classes: ClassTable) -> list[dict[str, str]]:
    """Names and colors of the classes, as scripts and tools for annotation write them.

    Example:
        >>> named_classes(ClassTable(["road"], [0], [(128, 64, 128)]))
        [{'name': 'road', 'color': '#804080'}]
    """
    colors = [f"#{bytes(color).hex()}" for color in classes.shown_colors]
    return [{"name": name, "color": color} for name, color in zip(classes.names, colors, strict=True)]
