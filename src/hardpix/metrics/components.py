"""Connected components of all classes of a label map in one pass."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Components:
    """The connected components of a label map, numbered from 1 in the order of their first pixels, row by row.

    Row 0 of every table stands for the unlabeled pixels, so that ``table[components.map]`` needs no mask.

    Example:
        >>> found = connected_components(np.array([[5, 5, 7, 255]]))
        >>> len(found), found.area[found.map].tolist()
        (2, [[2, 2, 1, 0]])
    """

    map: NDArray[np.int32]
    """(H, W): the number of every pixel's component, 0 where unlabeled."""
    label: NDArray[np.int64]
    """(N + 1,): the class of every component; row 0 holds ``ignore_index``."""
    area: NDArray[np.int64]
    """(N + 1,): pixels of every component; row 0 holds 0."""
    box: NDArray[np.int64]
    """(N + 1, 4): first row, first column, last row + 1, last column + 1; row 0 holds zeros."""

    def __len__(self) -> int:
        """N, how many components there are."""
        return len(self.area) - 1


def connected_components(labels: NDArray[np.integer], ignore_index: int = 255) -> Components:
    """Connected components of every class at once, 8-connected: pixels of one class that touch at a corner are joined.

    Corners join because the things this is for are thin: a pole drawn aslant is one object, not a staircase of many.
    Unlabeled pixels belong to no component and join nothing.

    Every row is cut into runs of one label; two runs in neighboring rows are joined where pixels of one label touch.
    The work after that is done on runs, of which there are some twenty times fewer than pixels. OpenCV labels masks
    only, which would be one pass over the image for every class.

    Args:
        labels: (H, W) integer class ids.
        ignore_index: the id of unlabeled pixels.

    Raises:
        ValueError: labels that are no (H, W) integers.

    Example:
        >>> found = connected_components(np.array([[3, 0, 255], [0, 3, 0]]))
        >>> found.map
        array([[1, 2, 0],
               [2, 1, 2]], dtype=int32)
        >>> found.label.tolist(), found.area.tolist(), found.box[2].tolist()
        ([255, 3, 0], [0, 2, 3], [0, 0, 2, 3])
    """
    if labels.ndim != 2 or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"expected integer labels of shape (H, W), found {labels.dtype} of shape {labels.shape}")
    height, width = labels.shape
    starts = run_starts(labels)
    first = np.flatnonzero(starts)
    length = np.diff(first, append=labels.size)
    label = labels.ravel()[first].astype(np.int64)
    labeled = label != ignore_index

    run = np.repeat(np.arange(len(first), dtype=np.int32), length).reshape(height, width)
    above, below = _touching_runs(run, starts)
    joined = label[above] == label[below]
    root = _roots(len(first), above[joined], below[joined])

    # A root is the first run of its component, so that counting roots numbers components by their first pixels.
    is_root = (root == np.arange(len(first))) & labeled
    number = np.where(labeled, np.cumsum(is_root)[root], 0)
    count = int(is_root.sum()) + 1
    area = np.bincount(number, weights=length, minlength=count).astype(np.int64)
    area[0] = 0
    row, column = np.divmod(first, max(width, 1))
    low = np.full((2, count), max(height, width), dtype=np.int64)
    high = np.zeros((2, count), dtype=np.int64)
    for axis, (begin, end) in enumerate(((row, row + 1), (column, column + length))):
        np.minimum.at(low[axis], number, begin)
        np.maximum.at(high[axis], number, end)
    box = np.concatenate((low, high)).T
    box[0] = 0
    return Components(
        map=np.repeat(number.astype(np.int32), length).reshape(height, width),
        label=np.concatenate(([ignore_index], label[is_root])),
        area=area,
        box=box,
    )


def run_starts(*labels: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Starts of runs: the first pixel of a row, and every pixel whose left neighbor differs in one of the maps.

    Example:
        >>> run_starts(np.array([[1, 1, 2], [2, 2, 2]])).astype(int)
        array([[1, 0, 1],
               [1, 0, 0]])
    """
    starts = np.zeros(labels[0].shape, dtype=bool)
    starts[:, :1] = True
    for one in labels:
        starts[:, 1:] |= one[:, 1:] != one[:, :-1]
    return starts


def _touching_runs(run: NDArray[np.int32], starts: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Pairs of runs in neighboring rows that touch: along an edge once a pair, or at a corner alone."""
    width = run.shape[1]
    flat = run.ravel()
    # Where two runs lie one above the other, the first column that they share starts one of the two.
    edge = np.flatnonzero(starts[:-1] | starts[1:])
    upper, lower = flat[edge], flat[edge + width]
    # Where both rows start a run in one column, the runs left and right of it meet crosswise in a corner.
    corner = starts.ravel()[edge] & starts.ravel()[edge + width] & (edge % max(width, 1) != 0)
    right_above, right_below = upper[corner], lower[corner]
    return (
        np.concatenate((upper, right_above - 1, right_above)),
        np.concatenate((lower, right_below, right_below - 1)),
    )


def _roots(count: int, one: NDArray[np.integer], other: NDArray[np.integer]) -> NDArray[np.int64]:
    """The smallest member of everybody's group, where the pairs (one, other) belong together."""
    parent: NDArray[np.int64] = np.arange(count)
    while len(one):
        np.minimum.at(parent, np.maximum(one, other), np.minimum(one, other))
        while not np.array_equal(parent, grandparent := parent[parent]):
            parent = grandparent
        apart = parent[one] != parent[other]
        one, other = parent[one[apart]], parent[other[apart]]
    return parent
