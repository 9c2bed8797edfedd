"""Shapes that somebody drew in an image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from hardpix.data.errors import DataError, Problem

# A mask has one byte a pixel.
MAX_PIXELS = 1_000_000_000

# Label of the shapes that `hardpix query` asks about, until somebody has given them a class.
ASK = "label me"

Kind = Literal["polygons", "line", "points", "circle", "mask"]


@dataclass(frozen=True, eq=False)
class Shape:
    """One shape of one class.

    Attributes:
        name: of the class.
        kind: "polygons" (the union of `parts`), "line" (through the points of each part), "points", "circle" (a center
            and a point on the rim), or "mask".
        parts: arrays (n, 2) of x and y in pixels from the upper left corner of the image, where the center of the first
            pixel is (0.5, 0.5).
        mask: boolean, of a shape of the kind "mask", as large as the image.
    """

    name: str
    kind: Kind
    parts: tuple[np.ndarray, ...] = ()
    mask: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class AnnotatedImage:
    """The shapes of one image, in the order in which they are drawn.

    Attributes:
        source: file that they were read from.
        name: of the image's file, as the annotations have it.
        size: height and width as the annotations have them; None where they do not say.
        shapes: of the image.
        left_out: shapes without an outline, such as boxes of COCO, which say nothing of single pixels.
    """

    source: Path
    name: str
    size: tuple[int, int] | None
    shapes: tuple[Shape, ...]
    left_out: int = 0


def points_of(source: Path, values: Any, least: int = 1) -> np.ndarray:
    """Coordinates as an array (n, 2).

    Raises:
        DataError: something else, or fewer points than a shape needs.

    Example:
        >>> points_of(Path("a.json"), [1, 2, 3, 4]).tolist()
        [[1.0, 2.0], [3.0, 4.0]]
    """
    try:
        points = np.asarray(values, dtype=np.float64).reshape(-1, 2)
    except (TypeError, ValueError):
        points = np.empty((0, 2))
    if len(points) < least or not np.isfinite(points).all():
        raise faulty(source, f"{least} or more points of x and y", f"{values!r:.80}")
    return points


def empty_mask(source: Path, size: tuple[int, int]) -> np.ndarray:
    """A mask (H, W) without a pixel.

    Raises:
        DataError: a size that no image has.
    """
    if min(size) < 1 or size[0] * size[1] > MAX_PIXELS:
        raise faulty(source, f"an image of 1 to {MAX_PIXELS} pixels", f"{size[0]} × {size[1]}")
    return np.zeros(size, bool)


def faulty(source: Path, expected: str, found: str, advice: str = "mend the file, or leave it out") -> DataError:
    """The error that a file of annotations is not as it must be."""
    return DataError.of([Problem("annotations that cannot be read", source, expected, found, advice)])
