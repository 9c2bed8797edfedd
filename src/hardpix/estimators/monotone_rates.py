"""Share of right pixels as a rising function of a score: isotonic regression on bins."""

from __future__ import annotations

import numpy as np

# Labeled pixels that the curve of all classes counts as, beside a class's own.
PRIOR_PIXELS = 1000


def monotone_rates(levels: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Share of right pixels at each bin of a score, rising, for each predicted class: (C, B) from 0 to 1.

    Classes with few pixels lean on the curve of all pixels together, which counts as 1000 pixels in each bin.

    Args:
        levels: (C, B) pixels by predicted class and bin of the score.
        right: (C, B) those that are right.

    Example:
        >>> monotone_rates(np.array([[10**6, 10**6]]), np.array([[250_000, 750_000]])).round(3)
        array([[0.25, 0.75]])
    """
    together = levels.sum(0)
    of_all = isotonic(right.sum(0) / np.maximum(together, 1), together.astype(np.float64))
    # A bin without any pixel says nothing, and takes the rate of its neighbors.
    prior = np.where(together > 0, PRIOR_PIXELS, 0)
    weights = levels + prior
    values = (right + prior * of_all) / np.maximum(weights, 1)
    return np.stack([isotonic(*row) for row in zip(values, weights.astype(np.float64), strict=True)])


def isotonic(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The rising sequence nearest to `values` in weighted squares, by pooling adjacent violators; both (B,), float64.

    Values of weight 0 take those of their neighbors.

    Example:
        >>> isotonic(np.array([1.0, 3.0, 2.0, 4.0]), np.ones(4)).tolist()
        [1.0, 2.5, 2.5, 4.0]
        >>> isotonic(np.array([0.0, 0.5, 0.0]), np.array([0.0, 1.0, 0.0])).tolist()
        [0.5, 0.5, 0.5]
    """
    places = np.flatnonzero(weights > 0)
    if not len(places):
        return np.zeros_like(values)
    blocks: list[tuple[float, float, int]] = []
    for value, weight in zip(values[places].tolist(), weights[places].tolist(), strict=True):
        mean, size, count = value, weight, 1
        while blocks and blocks[-1][0] >= mean:
            before, heavy, many = blocks.pop()
            mean, size, count = (before * heavy + mean * size) / (heavy + size), heavy + size, many + count
        blocks.append((mean, size, count))
    found = np.repeat([block[0] for block in blocks], [block[2] for block in blocks])
    return np.interp(np.arange(len(values)), places, found)
