"""Distances to the nearest pixel of the same class in another map."""

import cv2
import numpy as np

from hardpix.metrics.label_pair import ignore_index_of


def distance_to_same_class(labels: np.ndarray, among: np.ndarray, reach: int) -> tuple[np.ndarray, np.ndarray]:
    """Squared distance of every labeled pixel of one map to the nearest pixel of its class in another map.

    Made for maps that are labeled at few pixels, such as borders or thin parts. Every offset within reach is looked up,
    the nearest first, and a pixel that has found its class drops out.

    Args:
        labels: (H, W) uint8 or uint16; the type's largest value is no label.
        among: the same.
        reach: in pixels, where the search ends.

    Returns:
        The labels of the N labeled pixels of ``labels``, row by row, (N,), and their squared Euclidean distances, (N,)
        int64, (reach + 1)² where the class is not within reach.

    Example:
        >>> distance_to_same_class(np.array([[0, 1, 255]], np.uint8), np.array([[255, 0, 0]], np.uint8), reach=2)
        (array([0, 1], dtype=uint8), array([1, 9]))
    """
    ignore_index = ignore_index_of(labels)
    around = np.pad(among, reach, constant_values=ignore_index)
    stride = around.shape[1]
    columns, rows = _places(labels != ignore_index)
    own = labels[rows, columns]
    distance = np.full(len(own), (reach + 1) ** 2, dtype=np.int64)
    searching = np.arange(len(own))
    position, wanted = (rows + reach) * stride + columns + reach, own
    around = around.ravel()
    for squared, steps in _rings(reach, stride):
        found = np.zeros(len(position), dtype=bool)
        for step in steps:
            found |= around[position + step] == wanted
        distance[searching[found]] = squared
        searching, position, wanted = searching[~found], position[~found], wanted[~found]
        if not len(searching):
            break
    return own, distance


def _places(where: np.ndarray) -> np.ndarray:
    """Columns and rows of the pixels ``where``, row by row: (2, N)."""
    found = cv2.findNonZero(where.view(np.uint8))
    # (N, 1, 2) up to OpenCV 4, (N, 2) from 5 on, nothing where there is none.
    return np.reshape([] if found is None else found, (-1, 2)).T.astype(np.int64)


def _rings(reach: int, stride: int) -> list[tuple[int, list[int]]]:
    """The steps in the flat map to all places within reach, by squared distance, the shortest first."""
    rings: dict[int, list[int]] = {}
    for y in range(-reach, reach + 1):
        for x in range(-reach, reach + 1):
            if y * y + x * x <= reach * reach:
                rings.setdefault(y * y + x * x, []).append(y * stride + x)
    return sorted(rings.items())
