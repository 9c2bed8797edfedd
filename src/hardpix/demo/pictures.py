"""Arrays to pictures that a page can carry in itself: photographs, label maps, maps of numbers, comparisons."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from hardpix.data.heat import heat_colors
from hardpix.report.data_uri import picture_uri

Color = tuple[int, int, int]

BOTH_RIGHT, ONLY_FIRST_WRONG, ONLY_SECOND_WRONG, BOTH_WRONG = range(4)
COMPARISON_COLORS: tuple[Color, ...] = ((0, 0, 0), (51, 160, 255), (255, 138, 31), (236, 236, 236))
TRANSPARENT = 255


def shared_range(maps: Sequence[np.ndarray]) -> tuple[float, float]:
    """The range that the colors of several maps span, one for all so that they compare: 1st to 99th percentile.

    A flat or empty set of maps gets a range of length one, so that there is always a scale to print.

    >>> shared_range([np.zeros((2, 3))])
    (0.0, 1.0)
    """
    values = np.concatenate([np.ravel(values) for values in maps]) if len(maps) else np.zeros(0)
    values = values[np.isfinite(values)]
    if values.size == 0:
        return 0.0, 1.0
    low, high = np.percentile(values, (1, 99))
    if high - low < 1e-6:  # a map that is nearly everywhere the same: its few other values are all there is to see
        low, high = values.min(), values.max()
    return (float(low), float(high)) if high - low >= 1e-6 else (float(low), float(low) + 1.0)


def photograph(image: np.ndarray) -> str:
    """A data URI of an (H, W, 3) uint8 picture, as JPEG with full color resolution: thin things stay thin."""
    return picture_uri(Image.fromarray(image), "JPEG", quality=88, subsampling=0)


def label_picture(labels: np.ndarray, colors: Sequence[Color]) -> str:
    """A data URI of an (H, W) label map in its classes' colors; every other label is transparent."""
    known = (labels >= 0) & (labels < len(colors))
    return _indexed(np.where(known, labels, TRANSPARENT), colors)


def heat_picture(values: np.ndarray, low: float, high: float) -> str:
    """A data URI of an (H, W) map, colored from dark at `low` to light at `high`; what is not finite is lowest."""
    share = np.clip((np.nan_to_num(values, nan=low) - low) / (high - low), 0, 1)
    return picture_uri(_with_palette((share * 255).round(), heat_colors()), "PNG", optimize=True)


def compare(truth: np.ndarray, first: np.ndarray, second: np.ndarray, ignore_index: int = 255) -> np.ndarray:
    """Comparison of two predictions: (H, W) of BOTH_RIGHT, ONLY_FIRST_WRONG, ONLY_SECOND_WRONG, BOTH_WRONG.

    Unlabeled pixels (`ignore_index`) have no wrong answer.

    >>> compare(np.array([[0, 0, 0, 0, 255]]), np.array([[0, 1, 0, 1, 1]]), np.array([[0, 0, 1, 1, 1]])).tolist()
    [[0, 1, 2, 3, 0]]
    """
    labeled = truth != ignore_index
    return labeled * ((first != truth) * ONLY_FIRST_WRONG + (second != truth) * ONLY_SECOND_WRONG)


def comparison_picture(comparison: np.ndarray) -> str:
    """A data URI of what `compare` gives, to be laid over the picture: transparent where both are right."""
    return _indexed(np.where(comparison == BOTH_RIGHT, TRANSPARENT, comparison), COMPARISON_COLORS)


def _indexed(indices: np.ndarray, colors: Sequence[Color]) -> str:
    picture = _with_palette(indices, np.asarray(colors, dtype=np.uint8))
    return picture_uri(picture, "PNG", optimize=True, transparency=TRANSPARENT)


def _with_palette(indices: np.ndarray, colors: np.ndarray) -> Image.Image:
    picture = Image.fromarray(indices.astype(np.uint8))
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(colors)] = colors
    picture.putpalette(palette.tobytes())
    return picture
