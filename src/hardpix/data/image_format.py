"""Choice of the bands of an image that a network sees, and of the numbers that are black and white."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any, Literal

import numpy as np

from hardpix.data.bands import read_bands
from hardpix.data.errors import DataError, Problem
from hardpix.data.images import read_image, upper_8_bits
from hardpix.data.limits import MAX_PIXELS
from hardpix.data.tif import Raster

ValueRange = Sequence[float] | Sequence[Sequence[float]] | Literal["measured"]
# `measured` looks at so many images, evenly spaced, and at so many pixels of each.
MOST_IMAGES, MOST_PIXELS = 500, 16_384
DARKEST, BRIGHTEST = 1, 99  # percentiles


@dataclass(frozen=True)
class ImageFormat:
    """Rule that turns the numbers of an image file into what a network sees.

    Without any setting an image is RGB of 8 bits: gray is repeated, opacity dropped, 16 bits keep their upper 8.

    Args:
        bands: numbers of the bands to use, in the order in which the network gets them, the first band of a file being
            1; None is red, green and blue.
        value_range: the numbers that become black (0) and white (1); what is beyond becomes black or white, too. One
            pair for all bands, or one pair a band. "measured" stands for pairs yet to be measured (see `measured`).
            None takes 8 bits as they are, and the upper 8 of 16.
        max_pixels: height × width above which a file is refused by its header, be it an image, a mask or a map.

    Raises:
        ValueError: bands that do not count from 1, or a range that is none.

    Example:
        Red, green, blue and near infrared as reflectance of 16 bits, of which 0.3 (3000) is bright:

        >>> import tifffile
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     stored = np.array([[[0, 1500, 3000, 9000]]], np.uint16)
        ...     tifffile.imwrite(f"{folder}/a.tif", stored, photometric="rgb")
        ...     ImageFormat(bands=(4, 2, 1), value_range=(0, 3000)).read(f"{folder}/a.tif")
        array([[[1. , 0.5, 0. ]]], dtype=float32)
    """

    bands: Sequence[int] | None = None
    value_range: ValueRange | None = None
    max_pixels: int = MAX_PIXELS

    def __post_init__(self) -> None:
        if self.bands is not None:
            bands = tuple(self.bands)
            if not bands or any(isinstance(band, bool) or not isinstance(band, int) or band < 1 for band in bands):
                raise ValueError(
                    f"expected bands as numbers from 1 on (1 is the first band of a file), found {list(bands)}"
                )
            object.__setattr__(self, "bands", bands)
        if self.value_range is not None and self.value_range != "measured":
            object.__setattr__(self, "value_range", self._pairs(self.value_range))
        if self.max_pixels < 1:
            raise ValueError(f"expected max_pixels of at least 1, found {self.max_pixels}")

    def _pairs(self, given: Any) -> tuple[tuple[float, float], ...]:
        pairs = given if np.ndim(given[0] if len(given) else 0) else [given]
        if len(pairs) not in (1, self.channels) or any(len(pair) != 2 for pair in pairs):
            raise ValueError(
                f"expected value_range as [low, high] or as {self.channels} such pairs, one a band, found {given}"
            )
        if any(not (isfinite(low) and isfinite(high) and low < high) for low, high in pairs):
            raise ValueError(f"expected value_range with low < high, both finite, found {given}")
        pairs = pairs if len(pairs) == self.channels else list(pairs) * self.channels
        return tuple((float(low), float(high)) for low, high in pairs)

    @property
    def channels(self) -> int:
        """Number of channels that a network sees."""
        return 3 if self.bands is None else len(self.bands)

    @property
    def is_rgb(self) -> bool:
        """True where the channels are red, green and blue, as far as the settings tell."""
        return self.bands in (None, (1, 2, 3))

    def read(self, path: str | Path) -> np.ndarray:
        """An image as (H, W, channels): uint8, or float32 from 0 to 1 where a range is given.

        While the range is yet to be measured, the numbers are those of the file.

        Raises:
            DataError: the file cannot be read, lacks a band, or needs a range.
        """
        if self.bands is None and self.value_range is None:
            return read_image(path, max_pixels=self.max_pixels)
        raster = read_bands(path, max_pixels=self.max_pixels)
        values = self.selected(path, raster)
        if self.value_range is None:
            return upper_8_bits(path, values, raster.bits)
        if self.pairs is None:
            return values
        low, high = np.array(self.pairs, dtype=np.float64).T
        # Integers above 16 bits, and float64, may differ by less than float32 can tell.
        exact = np.float64 if values.dtype.itemsize > 2 and values.dtype != np.float32 else np.float32
        scaled = (values.astype(exact) - low.astype(exact)) / (high - low).astype(exact)
        scaled[~known(values, raster.nodata)] = 0
        return np.clip(scaled, 0, 1).astype(np.float32)

    def selected(self, path: str | Path, raster: Raster) -> np.ndarray:
        """The bands to use, (H, W, channels) as stored.

        Raises:
            DataError: the file has fewer.
        """
        if self.bands is not None:
            highest = max(self.bands)
            if highest > raster.values.shape[2]:
                expected = f"band {highest}, of the bands {list(self.bands)} to use"
                advice = "give the bands that all images have (bands; the first is 1), or remove the image"
                raise DataError.of([Problem("image without a band", Path(path), expected, raster.described, advice)])
            return raster.values[..., [band - 1 for band in self.bands]]
        if raster.bands == 2:
            advice = "name the bands to use, such as --data.bands [1, 2]; the network then has as many input channels"
            raise DataError.of([Problem("image of two bands", Path(path), "1 band, or 3 and more", "2", advice)])
        return raster.values[..., :3] if raster.bands > 2 else np.repeat(raster.values[..., :1], 3, axis=2)

    def picture(self, path: str | Path) -> np.ndarray:
        """An image to look at, (H, W, 3) uint8: the first three bands, or the first one as gray."""
        return as_picture(self.read(path))

    def measured(self, paths: Sequence[Path]) -> ImageFormat:
        """The same with a range for each band, where "measured" asks for it: the 1st and 99th percentile.

        Of up to 500 images, evenly spaced, up to 16,384 pixels each are looked at, without those of no data. Files that
        cannot be read are left out: who reads the images says what is wrong with them.

        Raises:
            DataError: a band has no number at all.
        """
        if self.value_range != "measured":
            return self
        if not paths:
            return replace(self, value_range=None)
        chosen = [paths[k] for k in np.unique(np.linspace(0, len(paths) - 1, MOST_IMAGES).astype(int))]
        samples: list[list[np.ndarray]] = [[] for _ in range(self.channels)]
        for path in chosen:
            try:
                raster = read_bands(path, max_pixels=self.max_pixels)
                selected = self.selected(path, raster)
            except DataError:
                continue
            for of_band, values in zip(samples, np.moveaxis(selected, 2, 0), strict=True):
                sparse = thinned(values)
                of_band.append(sparse[known(sparse, raster.nodata)].astype(np.float64))
        pairs = []
        for place, of_band in enumerate(samples):
            every = np.concatenate([*of_band, np.empty(0)])
            if not every.size:
                expected, advice = "numbers", "leave the band out (bands), or say which number stands for no data"
                number = place + 1 if self.bands is None else self.bands[place]
                raise DataError.of(
                    [Problem("band of no data", chosen[0].parent, expected, f"none in band {number}", advice)]
                )
            low, high = np.percentile(every, (DARKEST, BRIGHTEST)).tolist()
            pairs.append((low, high if high > low else low + 1))
        return replace(self, value_range=tuple(pairs))

    @property
    def described(self) -> str:
        """The range of each band in words.

        Example:
            >>> ImageFormat((4, 1), ((0, 5000), (100, 2500))).described
            'black and white are 0 and 5000 in band 4, 100 and 2500 in band 1'
        """
        if self.pairs is None:
            return f"value_range {self.value_range}"
        bands = self.bands or range(1, self.channels + 1)
        spans = (
            f"{low:.6g} and {high:.6g} in band {band}" for band, (low, high) in zip(bands, self.pairs, strict=True)
        )
        return f"black and white are {', '.join(spans)}"

    @property
    def pairs(self) -> tuple[tuple[float, float], ...] | None:
        """Black and white of each channel; None where they are not given, or yet to be measured."""
        return None if isinstance(self.value_range, str) else self.value_range  # type: ignore[return-value]

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain lists, such as a YAML file has them."""
        return {
            "bands": None if self.bands is None else list(self.bands),
            "value_range": self.value_range if self.pairs is None else [list(pair) for pair in self.pairs],
            "max_pixels": self.max_pixels,
        }


PLAIN = ImageFormat()


def thinned(values: np.ndarray) -> np.ndarray:
    """Some of the numbers of an (H, W) band, on a regular grid."""
    step = int(np.ceil(np.sqrt(values.size / MOST_PIXELS)))
    return values[step // 2 :: step, step // 2 :: step]


def known(values: np.ndarray, nodata: float | None) -> np.ndarray:
    """Mask of numbers that are finite and not the one that stands for no data."""
    finite = np.isfinite(values)
    return finite if nodata is None else finite & (values != nodata)


def as_picture(image: np.ndarray) -> np.ndarray:
    """An image to look at, (H, W, 3) uint8, of one (H, W, channels) in uint8 or float from 0 to 1.

    Example:
        >>> as_picture(np.array([[[0.0, 0.2, 1.0, 0.7]]])).tolist()
        [[[0, 51, 255]]]
    """
    shown = image[..., :3] if image.shape[2] >= 3 else image[..., [0, 0, 0]]
    return shown if shown.dtype == np.uint8 else (shown * 255).round().clip(0, 255).astype(np.uint8)
