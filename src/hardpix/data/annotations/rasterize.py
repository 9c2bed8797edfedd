"""Masks of shapes: a pixel is drawn if its center is inside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from hardpix.data.annotations.shapes import Shape


@dataclass(frozen=True, eq=False)
class Drawn:
    """A mask of stored ids (H, W), and the number of its pixels where a later shape hides another class."""

    mask: np.ndarray
    hidden: int


def rasterize(
    shapes: Sequence[Shape],
    size: tuple[int, int],
    id_of: Callable[[str], int],
    unlabeled: int,
    *,
    line_width: float = 3.0,
    point_size: float = 1.0,
) -> Drawn:
    """The shapes of an image, drawn in their order; what is not drawn is unlabeled.

    Args:
        shapes: of the image.
        size: height and width.
        id_of: stored id of a class name.
        unlabeled: id of the rest.
        line_width: pixels across a line.
        point_size: pixels across a point; the pixel that it lies in is always drawn.

    Example:
        >>> square = Shape("car", "polygons", (np.array([[1, 0], [3, 0], [3, 1], [1, 1]]),))
        >>> rasterize([square], (1, 4), {"car": 7}.__getitem__, 255).mask
        array([[255,   7,   7, 255]], dtype=uint8)
    """
    highest = max([unlabeled, *(id_of(shape.name) for shape in shapes)])
    mask = np.full(size, unlabeled, np.uint8 if highest < 256 else np.uint16)
    taken, hidden = np.zeros(size, bool), np.zeros(size, bool)
    for shape in shapes:
        inside, number = _inside(shape, size, line_width, point_size), id_of(shape.name)
        hidden |= inside & taken & (mask != number)
        mask[inside] = number
        taken |= inside
    return Drawn(mask, int(hidden.sum()))


def _inside(shape: Shape, size: tuple[int, int], line_width: float, point_size: float) -> np.ndarray:
    inside = np.zeros(size, bool)
    if shape.mask is not None:
        return shape.mask
    for part in shape.parts:
        if shape.kind == "polygons":
            inside |= _polygon(part, size)
        elif shape.kind == "line":
            for one, other in pairwise(part):
                inside |= _near(one, other, size, line_width / 2)
        elif shape.kind == "circle":
            inside |= _near(part[0], part[0], size, float(np.hypot(*(part[1] - part[0]))))
        else:
            for point in part:
                inside |= _near(point, point, size, point_size / 2 if point_size > 1 else 0.0)
                column, row = np.floor(point).astype(int)
                if 0 <= row < size[0] and 0 <= column < size[1]:
                    inside[row, column] = True
    return inside


def _polygon(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Pixels whose center is inside by the even-odd rule."""
    height, width = size
    toggles = np.zeros((height, width + 1), np.int64)
    for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, 0), strict=True):
        low, high = min(y0, y1), max(y0, y1)
        rows = np.arange(max(0, int(np.ceil(low - 0.5))), min(height, int(np.ceil(high - 0.5))))
        if len(rows):
            x = x0 + (rows + 0.5 - y0) * (x1 - x0) / (y1 - y0)
            # The first pixel whose center is right of the edge.
            np.add.at(toggles, (rows, np.clip(np.ceil(x - 0.5), 0, width).astype(int)), 1)
    return np.cumsum(toggles, 1)[:, :width] % 2 == 1


def _near(one: np.ndarray, other: np.ndarray, size: tuple[int, int], reach: float) -> np.ndarray:
    """Pixels whose center is at most so far from a segment."""
    near = np.zeros(size, bool)
    low = np.maximum(np.floor(np.minimum(one, other) - reach - 1), 0).astype(int)
    high = np.minimum(np.ceil(np.maximum(one, other) + reach + 1), [size[1], size[0]]).astype(int)
    if (high <= low).any():
        return near
    x, y = np.arange(low[0], high[0]) + 0.5, np.arange(low[1], high[1])[:, None] + 0.5
    along = other - one
    length = float(along @ along)
    share = np.clip(((x - one[0]) * along[0] + (y - one[1]) * along[1]) / length, 0, 1) if length else 0.0
    apart = (x - one[0] - share * along[0]) ** 2 + (y - one[1] - share * along[1]) ** 2
    near[low[1] : high[1], low[0] : high[0]] = apart <= reach**2
    return near
