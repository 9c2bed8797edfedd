"""Distances of some pixels to a class, which is another one for each of them."""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray


def distance_to_class(
    labels: NDArray[np.unsignedinteger],
    pixels: NDArray[np.intp],
    wanted: NDArray[np.unsignedinteger],
    reach: int | NDArray[np.integer],
    touching: NDArray[np.unsignedinteger] | None = None,
) -> NDArray[np.int64]:
    """Chessboard distance from each pixel to the nearest other one of its wanted class.

    Meant for few pixels, each of which asks for a class of its own. Rings around all of them are searched from the
    inside outwards, and a pixel that has found its class drops out. A distance transform for every pair of classes
    would take a pass over the whole image for each.

    Args:
        labels: (H, W) class ids, C where unlabeled.
        pixels: (N,) positions in the flattened map.
        wanted: (N,) the class that each of them looks for.
        reach: where the search ends, in pixels; one for all or (N,).
        touching: (N,) classes; where given, only such pixels of the wanted class count as have a pixel of this class
            among their eight neighbors: "where the two classes meet".

    Returns:
        (N,) from 1 to ``reach``; 0 where there is none within reach.

    Example:
        >>> labels = np.array([[0, 0, 2, 1]], dtype=np.uint8)
        >>> distance_to_class(labels, np.array([0, 1]), np.array([1, 1]), reach=2).tolist()
        [0, 2]
        >>> distance_to_class(labels, np.array([1, 1]), np.array([1, 2]), 2, touching=np.array([0, 0])).tolist()
        [0, 1]
    """
    reach = np.broadcast_to(reach, pixels.shape)
    distance = np.zeros(pixels.shape, dtype=np.int64)
    furthest = int(reach.max(initial=0))
    # Beyond the edge nothing is found: the largest code is never a class, since C is that of unlabeled pixels.
    padded = np.pad(labels, furthest + 1, constant_values=np.iinfo(labels.dtype).max)
    row, column = np.divmod(pixels, max(labels.shape[1], 1))
    width = padded.shape[1]
    place = (row + furthest + 1) * width + column + furthest + 1
    flat = padded.ravel()
    neighbors = [dy * width + dx for dy, dx in _ring(1)]
    left = np.arange(len(pixels))
    for radius in range(1, furthest + 1):
        left = left[(distance[left] == 0) & (reach[left] >= radius)]
        here, sought = place[left], wanted[left]
        found = np.zeros(len(left), dtype=bool)
        for dy, dx in _ring(radius):
            there = here + (dy * width + dx)
            hit = flat[there] == sought
            if touching is None:
                found |= hit
                continue
            fresh = np.flatnonzero(hit > found)
            beside = touching[left[fresh]]
            around = there[fresh]
            found[fresh] = np.logical_or.reduce([flat[around + step] == beside for step in neighbors])
        distance[left[found]] = radius
    return distance


def near_other_class(labels: NDArray[np.unsignedinteger], radius: int) -> NDArray[np.bool_]:
    """Pixels with another code within ``radius`` rows and columns, the code of unlabeled pixels among them."""
    window = np.ones((2 * radius + 1, 2 * radius + 1), dtype=np.uint8)
    return cv2.dilate(labels, window) != cv2.erode(labels, window)


def _ring(radius: int) -> Iterator[tuple[int, int]]:
    """Steps to all pixels at one chessboard distance."""
    span = range(-radius, radius + 1)
    return ((dy, dx) for dy in span for dx in span if max(abs(dy), abs(dx)) == radius)
