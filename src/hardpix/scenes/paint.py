"""Painter's algorithm on a grid of twice the picture's size: which surface is seen by which sample."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hardpix.scenes.camera import Array
from hardpix.scenes.surfaces import Surfaces

SUBPIXEL_BITS = 4
SKY_BANDS = 24  # the first ids: bands of sky from the top of the picture to the horizon


@dataclass(frozen=True)
class Painting:
    """Surface ids: below ``SKY_BANDS`` a band of sky, else ``SKY_BANDS`` + the surface's place in painter's order.

    ``front`` (2H, 2W) is the nearest surface of each sample. ``translucent`` are flat positions of the samples whose
    nearest surface is thinner than a sample, and ``under`` what is seen behind it there. ``seen`` (H, W) is the id each
    pixel is labeled by: the front-most surface that holds at least half of the pixel's four samples.
    """

    front: NDArray[np.uint16]
    translucent: NDArray[np.int64]
    under: NDArray[np.uint16]
    seen: NDArray[np.intp]


def paint(surfaces: Surfaces, size: tuple[int, int], horizon: float, shift: Array) -> Painting:
    """Paints all surfaces, farthest first, moved by ``shift`` (columns, rows) pixels."""
    height, width = size
    front = np.empty((2 * height, 2 * width), np.uint16)
    # The sky goes on behind the ground, where hills and the street's end may leave a gap.
    rows = (np.arange(2 * height) + 0.5) / 2 - shift[1]
    front[:] = np.clip(rows / horizon * SKY_BANDS, 0, SKY_BANDS - 1).astype(np.uint16)[:, None]
    # cv2 counts from the center of a sample, and takes fixed-point numbers.
    scale = 1 << SUBPIXEL_BITS
    points = np.rint(((surfaces.corners + shift) * 2.0 - 0.5) * scale).clip(-(2**17), 2**17).astype(np.int32)
    opaque = surfaces.opacity >= 1.0
    covered, hidden, owner = [np.empty(0, np.int64)], [np.empty(0, np.uint16)], [np.empty(0, np.uint16)]
    shapes = zip(
        surfaces.start.tolist(), surfaces.contours.tolist(), surfaces.sides.tolist(), opaque.tolist(), strict=True
    )
    for paint_id, (start, contours, sides, solid) in enumerate(shapes, SKY_BANDS):
        shape = points[start : start + contours * sides].reshape(contours, sides, 2)
        if solid:
            cv2.fillPoly(front, list(shape), (paint_id,), cv2.LINE_8, SUBPIXEL_BITS)
            continue
        left, top, columns, lines = cv2.boundingRect(shape.reshape(-1, 1, 2) // scale)
        window = (slice(max(top - 1, 0), max(top + lines + 2, 0)), slice(max(left - 1, 0), max(left + columns + 2, 0)))
        behind = front[window].copy()
        # Samples that share edges, so that a slanting wire holds at least two of a pixel's four.
        cv2.fillPoly(front, list(shape), (paint_id,), cv2.LINE_4, SUBPIXEL_BITS)
        row, column = np.nonzero(front[window] == paint_id)
        covered.append((row + window[0].start) * front.shape[1] + column + window[1].start)
        hidden.append(behind[row, column])
        owner.append(np.full(len(row), paint_id, np.uint16))
    translucent, under = np.concatenate(covered), np.concatenate(hidden)
    visible = front.ravel()[translucent] == np.concatenate(owner)
    return Painting(front, translucent[visible], under[visible], second_largest(front).astype(np.intp))


def second_largest(samples: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """The second largest of every 2 × 2 samples: of ids in painter's order, the front-most that holds half or more."""
    smaller, larger = np.minimum(samples[::2], samples[1::2]), np.maximum(samples[::2], samples[1::2])
    return np.maximum(np.minimum(larger[:, ::2], larger[:, 1::2]), np.maximum(smaller[:, ::2], smaller[:, 1::2]))
