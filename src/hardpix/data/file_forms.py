"""The form in which a file stores its pixels, as far as its head tells: file type, channels, bits and palette."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from hardpix.data.errors import DataError
from hardpix.data.images import identified, layout
from hardpix.data.palette import Color
from hardpix.data.reading import reading
from hardpix.data.tif import tif_bands

MODES = {
    "1": "gray, 1 bit",
    "L": "gray, 8 bits",
    "LA": "gray and alpha, 8 bits",
    "P": "palette",
    "PA": "palette and alpha",
    "RGB": "RGB, 8 bits",
    "RGBA": "RGB and alpha, 8 bits",
    "I": "gray, 32 bits",
    "F": "gray, float",
}

SAMPLES_PER_PIXEL = 277  # the tag of tif


@dataclass(frozen=True)
class FileForm:
    """A file's type and channels in words, such as "png, palette", and the palette's colors by index.

    `palette` is empty where there is none, and where it shows each index as the gray of that number, which says nothing
    of classes.

    Example:
        >>> FileForm("png, palette", {0: (0, 0, 0), 1: (128, 0, 0)}).shown([0, 1, 7])
        {0: (0, 0, 0), 1: (128, 0, 0)}
    """

    name: str
    palette: dict[int, Color] = field(default_factory=dict)

    def shown(self, ids: Iterable[object]) -> dict[int, Color]:
        """The colors of the indices that are used."""
        used = set(ids)
        return {index: color for index, color in self.palette.items() if index in used}


def file_form(path: str | Path) -> FileForm:
    """The form of an image file, without decoding it; the file type alone where the head cannot be read.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     Image.new("1", (2, 2)).save(f"{folder}/a.png")
        ...     file_form(f"{folder}/a.png").name
        'png, gray, 1 bit'
    """
    kind = Path(path).suffix.lower().lstrip(".")
    try:
        with reading(path), open(path, "rb") as file, identified(file) as image:
            # Pillow has one mode for integers of several widths.
            mode = (tif_bands(path) if image.mode in ("I", "F") else "") or _mode(image)
            return FileForm(
                f"{kind}, {mode}", _palette(image) if image.mode in ("P", "PA") and image.format != "GIF" else {}
            )
    except DataError:
        bands = tif_bands(path)
        return FileForm(f"{kind}, {bands}" if bands else kind)


def _mode(image: Image.Image) -> str:
    """Channels and bits as they are in the file, where Pillow would drop some."""
    sixteen = ";16" in layout(image)
    if image.mode.startswith("I;16"):
        return "gray, 16 bits"
    tags = getattr(image, "tag_v2", {})
    if (bands := tags.get(SAMPLES_PER_PIXEL, 0)) > len(image.getbands()) and image.mode != "P":
        return f"{bands} bands, {16 if sixteen else 8} bits"
    mode = MODES.get(image.mode, image.mode)
    return mode.replace("8 bits", "16 bits") if sixteen else mode


def _palette(image: Image.Image) -> dict[int, Color]:
    if image.palette is None:
        return {}
    every = Image.frombytes("P", (256, 1), bytes(range(256)))
    # The raw palette, for asking Pillow for a ready one decodes the file.
    layout, colors = (
        (image.palette.rawmode, image.palette.palette) if image.palette.rawmode else image.palette.getdata()
    )
    every.putpalette(colors, layout)
    stored = len(colors) // len(layout.partition(";")[0])
    # By way of RGBA, for Pillow warns where a palette loses its transparency.
    converted = np.asarray(every.convert("RGBA").convert("RGB"))[0, :stored]
    shown: list[Color] = [(int(red), int(green), int(blue)) for red, green, blue in converted]
    # Programs fill up a palette with black.
    last = max((index for index, color in enumerate(shown) if any(color)), default=0)
    return {} if all(shown[i] == (i, i, i) for i in range(last + 1)) else dict(enumerate(shown))
