"""Greedy choice of windows or pixels that keep apart, without looking at all pixels for each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from hardpix.pixels.box_filter import box_sum

# Places that are looked at together.
_CHUNK = 4096


@dataclass(frozen=True, eq=False)
class Picks:
    """Choice within one image, best first.

    Attributes:
        places: (n, 2) int64, row and column of the center of each.
        scores: (n,) float32 of the centers, falling.
        pixels: (n,) int64, pixels of each window that are new: open, and in no window before.

    Example:
        >>> found = greedy_picks(np.float32([[1, 3, 2]]), np.ones((1, 3), bool), radius=0, apart=0, wanted=2)
        >>> found.places.tolist(), found.first(1).scores.tolist()
        ([[0, 1], [0, 2]], [3.0])
    """

    places: np.ndarray
    scores: np.ndarray
    pixels: np.ndarray

    def __len__(self) -> int:
        return len(self.scores)

    def first(self, count: int) -> Picks:
        """The best of them, as many as that."""
        return Picks(self.places[:count], self.scores[:count], self.pixels[:count])


def greedy_picks(score: np.ndarray, open_pixels: np.ndarray, radius: int, apart: int, wanted: int) -> Picks:
    """Windows of the highest score, of which each suppresses its neighborhood, until enough pixels are in them.

    Round by round the open pixel of the highest score is picked, the first in reading order among equal ones. The open
    pixels of its window of (2·radius + 1)² are taken, and nothing within ``apart`` rows and columns of it is picked any
    more. Pixels that are not open count as windows of earlier rounds: nothing within ``apart − radius`` of them is
    picked. The pixels are sorted once and walked down, so that the number of picks hardly matters.

    Args:
        score: (H, W), finite.
        open_pixels: (H, W) boolean, pixels that may be asked for: without a label.
        radius: reach of a window in pixels; 0 asks for single pixels.
        apart: reach of the suppression, ≥ radius.
        wanted: number of pixels from which on nothing more is picked.

    Returns:
        What was picked; fewer pixels than wanted where nothing is left.

    Raises:
        ValueError: shapes that differ, a score that is not finite, a reach below 0, or ``apart`` below ``radius``.

    Example:
        >>> score = np.array([[0.1, 0.9, 0.8, 0.2, 0.3]])
        >>> picks = greedy_picks(score, np.ones((1, 5), bool), radius=0, apart=1, wanted=2)
        >>> picks.places.tolist(), picks.pixels.tolist()
        ([[0, 1], [0, 4]], [1, 1])
    """
    if score.ndim != 2 or score.shape != open_pixels.shape:
        raise ValueError(f"expected two maps (H, W) of one size, found {score.shape} and {open_pixels.shape}")
    if not 0 <= radius <= apart:
        raise ValueError(f"expected 0 ≤ radius ≤ apart, found radius {radius} and apart {apart}")
    if not np.isfinite(score).all():
        raise ValueError("expected a finite score, found NaN or infinity")
    score, new = score.astype(np.float32), open_pixels.astype(bool)
    blocked = ~new
    if apart > radius:
        blocked = _dilated(blocked, apart - radius)
    columns = score.shape[1]
    flat = blocked.ravel()
    free = np.flatnonzero(~flat)
    order = free[np.argsort(-score.ravel()[free], kind="stable")]
    places, pixels, total = [], [], 0
    for start in range(0, len(order), _CHUNK):
        if total >= wanted:
            break
        chunk = order[start : start + _CHUNK]
        for place in chunk[~flat[chunk]].tolist():
            if flat[place]:
                continue
            if total >= wanted:
                break
            row, column = divmod(place, columns)
            window = new[window_around(row, column, radius)]
            count = int(window.sum())
            window[...] = False
            blocked[window_around(row, column, apart)] = True
            places.append((row, column))
            pixels.append(count)
            total += count
    found = np.array(places, dtype=np.int64).reshape(-1, 2)
    return Picks(found, score[found[:, 0], found[:, 1]], np.array(pixels, dtype=np.int64))


def window_around(row: int, column: int, radius: int) -> tuple[slice, slice]:
    """The window of (2·radius + 1)² around a pixel, without what would lie above or left of the image.

    Example:
        >>> window_around(0, 5, 2)
        (slice(0, 3, None), slice(3, 8, None))
    """
    return slice(max(0, row - radius), row + radius + 1), slice(max(0, column - radius), column + radius + 1)


def best_over_images(picks: Sequence[Picks], wanted: int) -> list[int]:
    """Number of picks that each image keeps where all images share one budget.

    The picks of all images together are taken by falling score, the earlier image first among equal ones, until they
    hold enough pixels. That is what one greedy choice over all images takes, for images do not suppress one another.

    Args:
        picks: of each image, as many as it may have.
        wanted: number of pixels from which on nothing more is taken.

    Example:
        >>> one = greedy_picks(np.array([[0.9, 0.1]]), np.ones((1, 2), bool), 0, 0, 2)
        >>> other = greedy_picks(np.array([[0.5, 0.4]]), np.ones((1, 2), bool), 0, 0, 2)
        >>> best_over_images([one, other], wanted=3)
        [1, 2]
    """
    image = np.repeat(np.arange(len(picks)), [len(each) for each in picks])
    scores = np.concatenate([each.scores for each in picks]) if picks else np.empty(0)
    pixels = np.concatenate([each.pixels for each in picks]) if picks else np.empty(0, np.int64)
    order = np.argsort(-scores, kind="stable")
    before = np.cumsum(pixels[order]) - pixels[order]
    kept = order[before < wanted]
    return np.bincount(image[kept], minlength=len(picks)).tolist()


def within(picks: Picks, most: int) -> Picks:
    """The best picks that together hold no more pixels than that.

    Example:
        >>> picks = greedy_picks(np.array([[0.9, 0.1, 0.2]]), np.ones((1, 3), bool), 0, 0, 3)
        >>> len(within(picks, 2))
        2
    """
    return picks.first(int(np.searchsorted(np.cumsum(picks.pixels), most, side="right")))


def _dilated(mask: np.ndarray, radius: int) -> np.ndarray:
    """Pixels within so many rows and columns of the mask."""
    return (box_sum(torch.from_numpy(mask), radius) > 0).numpy()
