"""Recognition of maps that hold a score or soft edges in place of ids."""

from __future__ import annotations

from collections.abc import Mapping

# As many values that are neither black nor white, and it is no accident.
VALUES = 8


def is_soft(pixels: Mapping[int, int], others: Mapping[int, int]) -> bool:
    """Whether 8-bit values are levels of gray: many of them, dark and bright ones, and one of these holds too.

    - The other side has two values, as masks of one thing have.
    - At least half of the pixels are nearly black or nearly white, and there are both.

    Args:
        pixels: pixels of every value of one side.
        others: the same of the other side.

    Example:
        >>> soft = {0: 900, **{v: 1 for v in range(5, 250, 5)}, 255: 100}
        >>> is_soft(soft, soft), is_soft({k: 10 for k in range(150)}, {k: 10 for k in range(150)})
        (True, False)
    """
    between = [value for value in pixels if 0 < value < 255]
    if not pixels or max(pixels) > 255 or len(between) < VALUES:
        return False
    if set(others) == {0, 255}:
        return True
    if min(between) >= 128 or max(between) < 128:
        return False
    if set(others) == {0, 1}:
        return True
    black, white = (sum(n for v, n in pixels.items() if low <= v <= high) for low, high in ((0, 8), (247, 255)))
    every = sum(pixels.values())
    return min(black, white) >= 0.001 * every and black + white >= 0.5 * every


def share_between(pixels: Mapping[int, int]) -> float:
    """The share of pixels that are neither 0 nor 255."""
    return sum(n for value, n in pixels.items() if 0 < value < 255) / sum(pixels.values())
