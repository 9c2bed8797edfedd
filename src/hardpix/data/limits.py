"""Largest number of pixels of an image."""

from __future__ import annotations

from pathlib import Path

from hardpix.data.errors import DataError, Problem

# An image is decoded in 10 bytes a pixel: 2.5 GB in every worker, which a file of some kilobytes may ask for. Satellite
# tiles (Sentinel-2: 121 megapixels) and cameras (200) pass.
MAX_PIXELS = 250_000_000
# A pixel of more bands counts as several.
BANDS_OF_A_PIXEL = 4


def require_size(
    path: str | Path, height: int, width: int, max_pixels: int = MAX_PIXELS, bands: int = BANDS_OF_A_PIXEL
) -> None:
    """Refuse an image by its header where its pixels would fill the memory.

    Raises:
        DataError: height × width above `max_pixels`; of more than four bands, a quarter of the numbers above it.

    Example:
        >>> require_size("a.tif", 2_000, 1_000, max_pixels=1_000_000)
        Traceback (most recent call last):
        hardpix.data.errors.DataError: 1 problem in the data
        image of too many pixels (1)
          a.tif: expected at most 1 megapixels, found 2 (height 2,000 × width 1,000)
          what to do: cut it into tiles, or allow more pixels by max_pixels if ...
    """
    pixels = height * width * max(bands, BANDS_OF_A_PIXEL) // BANDS_OF_A_PIXEL
    if pixels <= max_pixels:
        return
    expected, found = (f"{count / 1e6:,.10g}" for count in (max_pixels, pixels))
    each = f" × {bands:,} bands / {BANDS_OF_A_PIXEL}" if bands > BANDS_OF_A_PIXEL else ""
    advice = (
        "cut it into tiles, or allow more pixels by max_pixels if every worker has memory for 10 bytes a pixel "
        "(--data.max_pixels)"
    )
    raise DataError.of(
        [
            Problem(
                "image of too many pixels",
                Path(path),
                f"at most {expected} megapixels",
                f"{found} (height {height:,} × width {width:,}{each})",
                advice,
            )
        ]
    )
