"""All bands of an image of any kind, as they are stored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from hardpix.data.errors import DataError, unusable
from hardpix.data.images import SIXTEEN_BIT, opened, orientation
from hardpix.data.limits import MAX_PIXELS
from hardpix.data.tif import BLACK_IS_ZERO, RGB, WHITE_IS_ZERO, Raster, read_raster, upright


def read_bands(path: str | Path, *, max_pixels: int = MAX_PIXELS) -> Raster:
    """The bands of a png, jpg, tif, bmp or webp, (H, W, bands) in the type in which they are stored.

    Opacity counts as the last band. What is stored in other color spaces (palettes, CMYK, YCbCr) becomes RGB.

    Raises:
        DataError: the file cannot be read to its end, or has several pages or too many pixels.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     Image.new("RGBA", (3, 2)).save(f"{folder}/a.png")
        ...     read_bands(f"{folder}/a.png").described
        '4 bands of uint8, the last opacity'
    """
    if (raster := read_raster(path, max_pixels=max_pixels)) is not None:
        return _as_shown(path, raster)
    with opened(path, max_pixels) as image:
        if ";16" in image.info["stored_as"] and image.mode not in SIXTEEN_BIT:
            return _colors_of_16_bits(path, image)
        if image.mode in ("L", "I", "F", *SIXTEEN_BIT):
            return Raster(np.array(image)[..., None])
        if image.mode in ("LA", "RGB", "RGBA", "RGBX"):
            kind = BLACK_IS_ZERO if image.mode == "LA" else RGB
            return Raster(np.array(image), kind, alpha=image.mode in ("LA", "RGBA"))
        shown = image.convert("RGBA") if image.mode == "P" else image
        return Raster(np.array(shown.convert("RGB")), RGB)


def _as_shown(path: str | Path, raster: Raster) -> Raster:
    if raster.photometric not in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB):
        found = f"{raster.described}, photometric {raster.photometric}"
        raise DataError.of([unusable(path, "gray, RGB, or bands of their own", found)])
    if raster.photometric == WHITE_IS_ZERO and raster.values.dtype.kind == "u":
        bits = raster.bits or 8 * raster.values.itemsize
        highest = np.array(2**bits - 1, raster.values.dtype)
        return replace(raster, values=highest - raster.values, photometric=BLACK_IS_ZERO)
    return raster


def _colors_of_16_bits(path: str | Path, image: Image.Image) -> Raster:
    """A png whose lower 8 bits Pillow drops."""
    import cv2  # seldom needed, and slow to import

    decoded = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None or decoded.dtype != np.uint16 or decoded.ndim != 3:
        raise DataError.of([unusable(path, "colors of 16 bits that can be read", f"PIL mode {image.mode}")])
    # OpenCV gives blue first, and gray three times where there is opacity.
    gray = image.info["stored_as"].startswith("LA")
    order = [0, 3] if gray else [2, 1, 0, 3][: decoded.shape[2]]
    values = upright(decoded[..., order], orientation(path))
    return Raster(np.ascontiguousarray(values), BLACK_IS_ZERO if gray else RGB, alpha=decoded.shape[2] == 4)
