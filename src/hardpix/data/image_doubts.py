"""Doubts about images whose bands or numbers the settings may not do justice to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hardpix.data.bands import read_bands
from hardpix.data.errors import Problem
from hardpix.data.image_format import BRIGHTEST, DARKEST, ImageFormat, as_picture, known, thinned
from hardpix.data.images import identified, layout
from hardpix.data.tif import read_raster
from hardpix.pixels.percent import percent

# Modes of up to 8 bits and three bands: nothing is left out.
SIMPLE = ("1", "L", "P", "RGB", "CMYK", "YCbCr", "LAB")
# Above this share of pixels that are neither clear nor opaque, opacity is more likely another band.
HALF_CLEAR = 0.25
FEW_LEVELS = 64  # of 256
# Below this brightest value an image is all but black: 12 bits stored in 16, say.
NEARLY_BLACK = 16
MUCH_WHITE = 0.1
# Above this share of its numbers beyond the range, an image is most likely of another unit.
FAR_OUTSIDE = 0.5
TOO_NARROW = "value_range too narrow"
BELOW_BLACK = "numbers below value_range"
NEARLY_ALL_BLACK = "image all but black"
UNUSED_BANDS = "bands that are not used"
FEW_GRAYS = "few gray levels"


class BandsSeen(NamedTuple):
    """Bands of an image beyond plain RGB."""

    bands: int
    """Bands of the file; opacity is one where it looks like an image."""
    sixteen_bits: bool
    low: float
    """1st percentile of the bands that are used."""
    high: float
    """99th percentile."""
    white: float
    """Share of the numbers above the white of `value_range`."""
    black: float = 0.0
    """Share of the numbers below its black, without those that are 0; not counted where it is small."""


def look(path: Path, image_format: ImageFormat, image: np.ndarray) -> BandsSeen | None:
    """Bands and numbers of an image; None where it is plain and read as it is.

    Args:
        path: the file.
        image_format: how it is read.
        image: (H, W, channels) as it was read.
    """
    limit = image_format.max_pixels
    if image_format.value_range is None and read_raster(path, max_pixels=limit) is None and _is_simple(path):
        return None
    white = 0.0 if image_format.pairs is None else float((image >= 1).mean())
    black = _below_black(path, image_format, image)
    if image_format.bands is not None and image_format.value_range is not None:
        return BandsSeen(len(image_format.bands), False, 0.0, 0.0, white, black)
    raster = read_bands(path, max_pixels=limit)
    bands = raster.values.shape[2]
    if raster.alpha:
        opacity = raster.values[..., -1]
        highest = np.iinfo(opacity.dtype).max if opacity.dtype.kind in "ui" else 1
        bands -= float(((opacity > 0) & (opacity < highest)).mean()) <= HALF_CLEAR
    used = np.stack([thinned(band) for band in np.moveaxis(image_format.selected(path, raster), 2, 0)])
    used = used[known(used, raster.nodata)]
    low, high = np.percentile(used, (DARKEST, BRIGHTEST)).tolist() if used.size else (0.0, 0.0)
    sixteen_bits = raster.values.dtype == np.uint16 and raster.bits in (None, 16)
    return BandsSeen(bands, sixteen_bits, low, high, white, black)


def _below_black(path: Path, image_format: ImageFormat, image: np.ndarray) -> float:
    if image_format.pairs is None or float((image <= 0).mean()) <= FAR_OUTSIDE:
        return 0.0
    raster = read_bands(path, max_pixels=image_format.max_pixels)
    values = image_format.selected(path, raster)
    # Margins of no data are often filled with 0 without a word in the file.
    counted = known(values, raster.nodata) & (values != 0)
    below = values < np.array([low for low, _ in image_format.pairs])
    return float((below & counted).mean())


def _is_simple(path: Path) -> bool:
    with open(path, "rb") as file, identified(file) as image:
        return image.mode in SIMPLE and ";16" not in layout(image)


def nearly_black(path: Path, image_format: ImageFormat, image: np.ndarray, seen: BandsSeen | None) -> Problem | None:
    """The doubt about an image without a bright pixel; of 16 bits, `image_doubts` says it of all images at once."""
    if image_format.value_range == "measured" or (image_format.value_range is None and seen and seen.sixteen_bits):
        return None
    brightest = as_picture(image).max()
    if brightest >= NEARLY_BLACK:
        return None
    advice = (
        "spread values of fewer bits over the whole range of their file, see --data.value_range, or remove the image"
    )
    return Problem(NEARLY_ALL_BLACK, path, "a picture", f"a brightest value of {brightest} out of 255", advice)


def image_doubts(folder: Path, seen: Mapping[str, BandsSeen], count: int, image_format: ImageFormat) -> list[Problem]:
    """Doubts about all images of a folder, one of each kind.

    Args:
        folder: of the images.
        seen: of the images beyond plain RGB, by stem.
        count: how many images there are.
        image_format: how they are read.
    """
    doubts = []

    def of(stems: list[str]) -> str:
        return f"{len(stems)} of {count} images ({', '.join(stems[:3])}{' …' if len(stems) > 3 else ''})"

    more = [stem for stem, each in seen.items() if each.bands > 3]
    if more and image_format.bands is None:
        bands = min(seen[stem].bands for stem in more)
        every = list(range(1, bands + 1))
        found = f"{bands} bands in {of(more)}; only the first 3 are used, as red, green and blue"
        advice = f"--data.bands {every} uses all, --data.bands [4, 1, 2] the fourth in front of the first two"
        if others := count - len(more):
            # A choice of bands holds for every image, and would refuse those without a fourth.
            advice = (
                f"nothing if their first 3 bands are red, green and blue, as in the other {_images(others)}; else save "
                "them with these bands, or leave them out"
            )
        doubts.append(Problem(UNUSED_BANDS, folder, "3 bands, or a choice of bands", found, advice))
    dark = [stem for stem, each in seen.items() if each.sixteen_bits and each.high < 256 * FEW_LEVELS]
    if dark and image_format.value_range is None:
        low, high = min(seen[stem].low for stem in dark), max(seen[stem].high for stem in dark)
        levels = int(high) // 256 - int(low) // 256 + 1
        found = f"{low:.0f} to {high:.0f} at 98 % of the pixels, {levels} of 256 gray levels, in {of(dark)}"
        advice = (
            f"--data.value_range [{low:.0f}, {high:.0f}] makes these black and white, --data.value_range measured "
            "takes the range of every band from the training images"
        )
        if others := count - sum(each.sixteen_bits for each in seen.values()):
            # A range holds for every image, and would make those of 8 bits black.
            advice = (
                f"save them with 8 bits, {low:.0f} as black and {high:.0f} as white, as the other {_images(others)} "
                f"{'is' if others == 1 else 'are'} stored, or leave them out"
            )
        expected = "16 bits that are used, of which the upper 8 are kept"
        doubts.append(Problem(FEW_GRAYS, folder, expected, found, advice))
    bright = {stem: each.white for stem, each in seen.items() if each.white > MUCH_WHITE}
    if bright and (np.mean([each.white for each in seen.values()]) > MUCH_WHITE or max(bright.values()) > FAR_OUTSIDE):
        found = f"{percent(float(np.mean([*bright.values()])))} of the numbers in {of([*bright])} at or above white"
        advice = (
            "check the unit of these images; a higher second number in --data.value_range of hardpix fit, or measured, "
            "tells bright pixels apart"
        )
        doubts.append(Problem(TOO_NARROW, folder, "few numbers above white", found, advice))
    dark_ones = {stem: each.black for stem, each in seen.items() if each.black > FAR_OUTSIDE}
    if dark_ones:
        found = f"{percent(float(np.mean([*dark_ones.values()])))} of the numbers in {of([*dark_ones])} below black"
        advice = (
            "check the unit of these images; a lower first number in --data.value_range of hardpix fit, or measured, "
            "tells dark pixels apart"
        )
        doubts.append(Problem(BELOW_BLACK, folder, "few numbers below black", found, advice))
    return doubts


def _images(count: int) -> str:
    return f"{count} image{'s' if count != 1 else ''}"
