"""Reading and writing label masks, as they are stored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from hardpix.data.errors import DataError, Problem
from hardpix.data.images import opened
from hardpix.data.labels import HIGHEST_ID

# A grey png of 2 or 4 bits is stretched to 0…255 on reading; ids must not be.
STRETCH = {"L;2": 85, "L;4": 17}


def read_mask(path: str | Path) -> np.ndarray:
    """A mask as stored: (H, W) ids in uint8 or uint16, or (H, W, 3) uint8 colours.

    Grey of 1 to 16 bits and palette indices are ids; RGB is colours; an alpha channel is dropped.

    Raises:
        DataError: the file cannot be read to its end, is a jpg (it changes labels), or holds numbers outside 0…65535.
    """
    with opened(path) as image:
        if image.format == "JPEG":
            raise DataError.of([_not_a_mask(path, "a lossless file", "jpg, which invents labels at every border")])
        if image.mode in ("RGB", "RGBA", "RGBX"):
            return np.array(image)[..., :3]
        if image.mode == "LA":
            return np.array(image)[..., 0]
        stored = np.array(image)
        if image.mode == "1":
            return stored.astype(np.uint8)
        if image.mode == "L" and image.format == "PNG":
            return stored // STRETCH.get(str(image.info["stored_as"]), 1)
        if stored.ndim != 2:
            raise DataError.of([_not_a_mask(path, "ids or RGB colours", f"PIL mode {image.mode}")])
        if stored.dtype in (np.uint8, np.uint16):
            return stored
        if ((stored < 0) | (stored > HIGHEST_ID) | (stored != np.floor(stored))).any():
            found = f"numbers from {stored.min()} to {stored.max()}"
            raise DataError.of([_not_a_mask(path, f"whole numbers in 0…{HIGHEST_ID}", found)])
        return stored.astype(np.uint16)


def write_mask(path: str | Path, ids: np.ndarray) -> None:
    """Write (H, W) ids as a grey png of 8 bits, or of 16 where `ids` is uint16."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(ids).save(path, format="PNG")


def _not_a_mask(path: str | Path, expected: str, found: str) -> Problem:
    return Problem("file that is no mask", Path(path), expected, found, "save the masks as png with one id a pixel")
