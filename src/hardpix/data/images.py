"""Reading images, and the float maps that may come with them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from hardpix.data.errors import DataError, Problem

BITS_PER_SAMPLE = 258  # the tag of tif
SIXTEEN_BIT = ("I;16", "I;16B", "I;16L", "I;16N")


def read_image(path: str | Path) -> np.ndarray:
    """An image as (H, W, 3) uint8 RGB.

    The orientation that a camera noted in EXIF is applied, as viewers and labelling tools do. Grey becomes RGB, an
    alpha channel is dropped, 16 bits keep their upper 8, several pages give the first.

    Raises:
        DataError: the file cannot be read to its end, or holds numbers that have no fixed range (float, 32 bit).

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     Image.new("L", (3, 2), 7).save(f"{folder}/grey.png")
        ...     image = read_image(f"{folder}/grey.png")
        >>> image.shape, image[0, 0].tolist()
        ((2, 3, 3), [7, 7, 7])
    """
    with opened(path) as image:
        if image.mode in SIXTEEN_BIT:
            grey = (np.asarray(image) >> 8).astype(np.uint8)
            return np.repeat(grey[..., None], 3, axis=2)
        if image.mode in ("I", "F"):
            raise DataError.of([unusable(path, "an image of 8 or 16 bits", f"PIL mode {image.mode}")])
        # Pillow warns where a palette loses its transparency, even if that is meant.
        shown = image.convert("RGBA") if image.mode == "P" else image
        return np.array(shown.convert("RGB"))


def read_weight(path: str | Path) -> np.ndarray:
    """A weight map as (H, W) float32: integers as v / 65535 (16 bits) or v / 255 (8 bits), floats as they are."""
    stored = read_numbers(path)
    weight = stored.astype(np.float32)
    if stored.dtype.kind in "ui":
        if stored.dtype not in (np.uint8, np.uint16):
            expected = "integers of 8 or 16 bits without sign, or floats"
            raise DataError.of([unusable(path, expected, f"{stored.dtype}")])
        weight /= np.iinfo(stored.dtype).max
    if not np.isfinite(weight).all() or (weight < 0).any():
        raise DataError.of([unusable(path, "weights that are finite and not negative", "others")])
    return weight


def size_of(values: np.ndarray) -> str:
    """Height × width, as said in messages."""
    return f"{values.shape[0]}×{values.shape[1]}"


@contextmanager
def opened(path: str | Path) -> Iterator[Image.Image]:
    """The image of a file, decoded to its end and upright; `info["stored_as"]` is Pillow's name of its samples' layout.

    Upright is as the orientation that EXIF notes says, whether the file is a photograph, a mask or a map: who writes it
    into a file means it. Whatever stops the reading becomes one DataError that names the file.
    """
    try:
        # Given a path, Pillow maps uncompressed tif into memory, and garbles those that lie on their side.
        with open(path, "rb") as file, Image.open(file) as image:
            stored_as = _layout(image)
            if stored_as == "R" and max(image.tag_v2[BITS_PER_SAMPLE]) > 8:  # type: ignore[attr-defined]
                found = "channels of 16 bits in separate planes, which Pillow misreads"
                raise DataError.of([unusable(path, "the channels of a pixel side by side", found)])
            image.load()
            with suppress(SyntaxError, struct.error):  # EXIF that is broken says nothing of the orientation
                ImageOps.exif_transpose(image, in_place=True)
            image.info["stored_as"] = stored_as
            yield image
    except DataError:
        raise
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise DataError.of([unusable(path, "a file that can be read to its end", unreadable(path, error))]) from error


def unreadable(path: str | Path, error: Exception) -> str:
    """What stopped the reading of an image, in words.

    Example:
        >>> from tempfile import NamedTemporaryFile
        >>> with NamedTemporaryFile() as file:
        ...     unreadable(file.name, UnidentifiedImageError("cannot identify image file <_io.BufferedReader …>"))
        'an empty file'
    """
    if not isinstance(error, UnidentifiedImageError):
        return f"{type(error).__name__}: {error}"
    return "no image in a format that is known" if Path(path).stat().st_size else "an empty file"


def _layout(image: Image.Image) -> str:
    """Such as "L;4" for grey of 4 bits, where the mode says no more than "L"; known before the image is loaded only."""
    tiles = getattr(image, "tile", ())
    settings = tiles[0][3] if tiles else image.mode
    return str(settings[0] if isinstance(settings, tuple) else settings)


def read_numbers(path: str | Path) -> np.ndarray:
    """One number a pixel from npy, tif or png, in the type in which it is stored."""
    if Path(path).suffix.lower() == ".npy":
        try:
            values = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise DataError.of(
                [unusable(path, "an array that can be read", f"{type(error).__name__}: {error}")]
            ) from error
    else:
        with opened(path) as image:
            if image.mode in ("P", "PA"):
                raise DataError.of([unusable(path, "one number a pixel", "the indices of a palette")])
            values = np.array(image)
    if values.dtype.kind not in "uifb":
        raise DataError.of([unusable(path, "an array of numbers", f"one of {values.dtype}")])
    if values.ndim != 2:
        raise DataError.of([unusable(path, "one number a pixel", f"an array of shape {values.shape}")])
    return values


def unusable(path: str | Path, expected: str, found: str) -> Problem:
    """A file whose content is not what it should be."""
    return Problem("file that cannot be used", Path(path), expected, found, "replace or remove the file")
