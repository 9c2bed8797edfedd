"""Reading and writing label masks, as they are stored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from hardpix.data.errors import DataError, Problem
from hardpix.data.images import opened
from hardpix.data.labels import HIGHEST_ID
from hardpix.data.limits import MAX_PIXELS
from hardpix.data.lossy import lossy_codec
from hardpix.data.tif import PALETTE, RGB, Raster, read_raster
from hardpix.data.whole_files import whole_file
from hardpix.pixels.percent import percent


def read_mask(path: str | Path, *, by_color: bool = False, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """A mask as stored: (H, W) ids in uint8 or uint16, or (H, W, 3) uint8 colors.

    Whole numbers of any type and palette indices are ids; RGB is colors; an alpha channel is dropped. The orientation
    that EXIF notes is applied, as to images. A gif is read as the colors that it shows, for its indices are no ids.

    Args:
        path: of a png, tif, bmp, gif or lossless webp.
        by_color: reads a palette file as the colors that its palette shows.
        max_pixels: height × width above which a mask is refused by its header.

    Raises:
        DataError: a file that cannot be read to its end; several pages, or too many pixels; a codec that changes labels
            (jpg, lossy webp and others, also inside tif); numbers outside 0…65535; colors of 16 bits.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     Image.new("RGB", (1, 1), (128, 64, 128)).save(f"{folder}/colored.png")
        ...     read_mask(f"{folder}/colored.png").tolist()
        [[[128, 64, 128]]]
    """
    if (raster := read_raster(path, max_pixels=max_pixels)) is not None:
        return _from_raster(path, raster, by_color)
    with opened(path, max_pixels) as image:
        stored_as: str = image.info["stored_as"]
        _require_lossless(path, lossy_codec(path, image))
        # The program that wrote a gif has numbered its colors, so that they alone tell the classes.
        if image.format == "GIF" or (by_color and image.mode in ("P", "PA")):
            # By way of RGBA, for Pillow warns where a palette loses its transparency, even if that is meant.
            return np.array(image.convert("RGBA"))[..., :3]
        if image.mode in ("RGB", "RGBA", "RGBX"):
            if ";16" in stored_as:
                found = "16, of which Pillow drops the lower 8"
                raise DataError.of([_not_a_mask(path, "colors of 8 bits a channel", found)])
            return np.array(image)[..., :3]
        stored = np.array(image)
        if image.mode in ("LA", "PA"):
            return stored[..., 0]
        if image.mode in ("1", "L"):
            return _as_stored(stored.astype(np.uint8), stored_as)
        if stored.ndim != 2:
            raise DataError.of([_not_a_mask(path, "ids or RGB colors", f"PIL mode {image.mode}")])
        return _as_ids(path, stored)


def _from_raster(path: str | Path, raster: Raster, by_color: bool) -> np.ndarray:
    _require_lossless(path, raster.codec)
    if by_color and raster.photometric == PALETTE:
        found = f"a palette whose colors are not read: {raster.described}"
        raise DataError.of([_not_a_mask(path, "a palette of 8 bits of fewer than 89 megapixels", found)])
    if raster.bands == 3 and raster.photometric == RGB:
        if raster.values.dtype != np.uint8:
            found = f"{8 * raster.values.itemsize} bits: {raster.described}"
            raise DataError.of([_not_a_mask(path, "colors of 8 bits a channel", found)])
        return raster.values[..., :3]
    if raster.bands != 1:
        raise DataError.of([_not_a_mask(path, "ids (one band) or RGB colors of 8 bits", raster.described)])
    return _as_ids(path, raster.values[..., 0])


def _as_ids(path: str | Path, stored: np.ndarray) -> np.ndarray:
    """Whole numbers of any type as uint8 or uint16."""
    if stored.dtype in (np.uint8, np.uint16):
        return stored
    if stored.dtype == np.float16:  # which does not hold 65535
        stored = stored.astype(np.float32)
    wrong = (stored < 0) | (stored > HIGHEST_ID) | (stored != np.floor(stored))
    if wrong.any():
        share = f"others at {percent(wrong.mean())} of the pixels"
        known = stored[~np.isnan(stored)]
        span = f"numbers from {known.min()} to {known.max()}" if known.size else "NaN alone"
        nan = ", and NaN" if 0 < known.size < stored.size else ""
        raise DataError.of([_not_a_mask(path, f"whole numbers in 0…{HIGHEST_ID}", f"{span}{nan}; {share}")])
    return stored.astype(np.uint16)


def _require_lossless(path: str | Path, codec: str | None) -> None:
    if codec is not None:
        found = f"{codec}, which invents labels at every border"
        raise DataError.of([_not_a_mask(path, "a lossless file", found)])


def _as_stored(shown: np.ndarray, stored_as: str) -> np.ndarray:
    """Gray of up to 8 bits as it is in the file, for ids are what was stored.

    Pillow stretches 2 and 4 bits to 0…255, and turns tif whose 0 is white around.
    """
    name, _, kind = stored_as.partition(";")
    bits = 1 if name == "1" else int(kind[0]) if kind[:1].isdigit() else 8
    highest = 2**bits - 1
    stored = shown if bits == 1 else shown // (255 // highest)
    return highest - stored if "I" in kind else stored


def write_mask(path: str | Path, ids: np.ndarray) -> None:
    """Write (H, W) ids as a gray png of 8 bits, or of 16 where `ids` is uint16; folders are made as needed.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     write_mask(f"{folder}/new/a.png", np.array([[0, 40000]], np.uint16))
        ...     read_mask(f"{folder}/new/a.png")
        array([[    0, 40000]], dtype=uint16)
    """
    with whole_file(path) as file:
        Image.fromarray(ids).save(file, format="PNG")


def _not_a_mask(path: str | Path, expected: str, found: str) -> Problem:
    return Problem("file that is no mask", Path(path), expected, found, "save the masks as png with one id a pixel")
