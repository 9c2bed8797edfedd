"""Shares of counts, without the rounding of binary numbers."""

from fractions import Fraction

import torch
from torch import Tensor

# With shares of at most this denominator, int64 holds the products of counts below 2³².
_LARGEST_DENOMINATOR = 2**31


def as_fraction(share: float) -> Fraction:
    """The fraction that a number stands for.

    0.07 as a binary number is a little more than 7/100; of all fractions with denominators up to 2³¹ the nearest is
    7/100 itself. So it is for every decimal of up to seven digits and every simple fraction, such as 1/3.

    Example:
        >>> as_fraction(0.07), as_fraction(1 / 3)
        (Fraction(7, 100), Fraction(1, 3))
    """
    exact = Fraction(float(share))
    simple = exact.limit_denominator(_LARGEST_DENOMINATOR)
    return simple if simple or not exact else Fraction(1, _LARGEST_DENOMINATOR)


def share_of(count: Tensor, share: float) -> Tensor:
    """The least whole number that is at least a share of a count: ⌈share · count⌉, exactly.

    In whole numbers, since float32 does not hold a count of 2²⁴ pixels and makes 15.000001 of 0.3 · 50.

    Args:
        count: int64 of any shape, from 0 to 2³².
        share: from 0 to 1.

    Returns:
        int64 of the same shape, on the same device; the host never waits for it.

    Example:
        >>> share_of(torch.tensor([50, 51, 0]), 0.3)
        tensor([15, 16,  0])
    """
    fraction = as_fraction(share)
    return -torch.div(-count * fraction.numerator, fraction.denominator, rounding_mode="floor")
