"""Means over seeds, and paired differences with their confidence intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Spread:
    """Values of several seeds: how many, their mean, their standard deviation (of a sample; NaN of a single one)."""

    count: int
    mean: float
    std: float


@dataclass(frozen=True)
class PairedDifference:
    """Second − first over common seeds: how many pairs, the mean, and both ends of its confidence interval."""

    count: int
    mean: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """True where the interval leaves zero out."""
        return self.low > 0 or self.high < 0


def spread(values: Sequence[float]) -> Spread:
    """Mean and standard deviation; a value that is not known leaves neither known.

    Example:
        >>> spread([1.0, 2.0, 3.0])
        Spread(count=3, mean=2.0, std=1.0)
    """
    array = np.asarray(values, dtype=float)
    if not array.size:
        return Spread(0, math.nan, math.nan)
    return Spread(array.size, float(array.mean()), float(array.std(ddof=1)) if array.size > 1 else math.nan)


def paired_difference(first: Sequence[float], second: Sequence[float]) -> PairedDifference:
    """Mean of second − first and its 95 % confidence interval by Student's t, over pairs of one seed each.

    The interval is mean ± t(0.975, n − 1) · s / √n, with s the standard deviation of the n differences. It takes them
    for draws from one normal distribution, and holds for one comparison; of twenty, one is wrong on average.

    Args:
        first: values of the seeds.
        second: those of the other variant, of the same seeds in the same order.

    Returns:
        Its ends are NaN with fewer than two pairs, all of it where a value is not known.

    Example:
        >>> found = paired_difference([50.0, 51.0, 52.0], [51.0, 53.0, 52.0])
        >>> found.mean, round(found.low, 2), round(found.high, 2)
        (1.0, -1.48, 3.48)
    """
    from scipy.stats import t

    difference = np.asarray(second, dtype=float) - np.asarray(first, dtype=float)
    count = difference.size
    mean = float(difference.mean()) if count else math.nan
    if count < 2:
        return PairedDifference(count, mean, math.nan, math.nan)
    half = float(t.ppf((1 + CONFIDENCE) / 2, count - 1) * difference.std(ddof=1) / math.sqrt(count))
    return PairedDifference(count, mean, mean - half, mean + half)
