"""Reading images, and the float maps that may come with them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from hardpix.data.errors import DataError, Problem

SIXTEEN_BIT = ("I;16", "I;16B", "I;16L", "I;16N")


def read_image(path: str | Path) -> np.ndarray:
    """An image as (H, W, 3) uint8 RGB.

    The orientation that a camera noted in EXIF is applied, as viewers and labelling tools do. Grey becomes RGB, an
    alpha channel is dropped, 16 bits keep their upper 8, several pages give the first.

    Raises:
        DataError: the file cannot be read to its end, or holds numbers that have no fixed range (float, 32 bit).
    """
    with opened(path) as image:
        upright = ImageOps.exif_transpose(image)
        if upright.mode in SIXTEEN_BIT:
            grey = (np.asarray(upright) >> 8).astype(np.uint8)
            return np.repeat(grey[..., None], 3, axis=2)
        if upright.mode in ("I", "F"):
            raise DataError.of([_unusable(path, "an image of 8 or 16 bits", f"PIL mode {upright.mode}")])
        return np.array(upright.convert("RGB"))


def read_depth(path: str | Path, scale: float = 1.0) -> np.ndarray:
    """A depth map as (H, W) float32 in metres: stored value · scale; NaN where 0, negative or not finite."""
    depth = _read_numbers(path).astype(np.float32) * np.float32(scale)
    depth[~np.isfinite(depth) | (depth <= 0)] = np.nan
    return depth


def read_weight(path: str | Path) -> np.ndarray:
    """A weight map as (H, W) float32: integers as v / 65535 (16 bits) or v / 255 (8 bits), floats as they are."""
    stored = _read_numbers(path)
    weight = stored.astype(np.float32)
    if stored.dtype.kind in "ui":
        if stored.dtype not in (np.uint8, np.uint16):
            expected = "integers of 8 or 16 bits without sign, or floats"
            raise DataError.of([_unusable(path, expected, f"{stored.dtype}")])
        weight /= np.iinfo(stored.dtype).max
    if not np.isfinite(weight).all() or (weight < 0).any():
        raise DataError.of([_unusable(path, "weights that are finite and not negative", "others")])
    return weight


def size_of(values: np.ndarray) -> str:
    """Height × width, as said in messages."""
    return f"{values.shape[0]}×{values.shape[1]}"


@contextmanager
def opened(path: str | Path) -> Iterator[Image.Image]:
    """The image of a file, decoded to its end; whatever stops that becomes one DataError that names the file."""
    try:
        with Image.open(path) as image:
            tiles = list(getattr(image, "tile", ()))
            image.load()
            image.info["stored_as"] = tiles[0][3] if tiles else None  # load() forgets how many bits a grey png has
            yield image
    except DataError:
        raise
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise DataError.of(
            [_unusable(path, "a file that can be read to its end", f"{type(error).__name__}: {error}")]
        ) from error


def _read_numbers(path: str | Path) -> np.ndarray:
    """One number a pixel from npy, tif or png, in the type in which it is stored."""
    if Path(path).suffix.lower() == ".npy":
        try:
            values = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise DataError.of(
                [_unusable(path, "an array that can be read", f"{type(error).__name__}: {error}")]
            ) from error
    else:
        with opened(path) as image:
            values = np.array(image)
    if values.ndim != 2:
        raise DataError.of([_unusable(path, "one number a pixel", f"an array of shape {values.shape}")])
    return values


def _unusable(path: str | Path, expected: str, found: str) -> Problem:
    return Problem("file that cannot be used", Path(path), expected, found, "replace or remove the file")
