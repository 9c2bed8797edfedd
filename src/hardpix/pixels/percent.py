"""Shares in percent, by one rule for their digits."""

from __future__ import annotations

import math

SMALLEST = 0.01  # percent


def percent(share: float) -> str:
    """A share in percent for a sentence, with its sign.

    Three digits count from 1 % on, two below; near 100 % two of what is missing. "< 0.01 %" and "> 99.99 %" stand for
    what is not quite none and not quite all. Tables of scores have fixed digits instead, which line up.

    Args:
        share: from 0 to 1, or more; NaN is a dash.

    Example:
        >>> [percent(share) for share in (0.9692, 0.0417, 0.00016, 0.00001, 0.99988, 0.99999, 1, 0)]
        ['96.9 %', '4.17 %', '0.016 %', '< 0.01 %', '99.988 %', '> 99.99 %', '100 %', '0 %']
    """
    number = in_percent(share)
    return number if number == "–" else f"{number} %"


def in_percent(share: float) -> str:
    """The same without the sign, for a table whose head has it.

    Example:
        >>> in_percent(0.00998), in_percent(0.5), in_percent(float("nan"))
        ('1', '50', '–')
    """
    value = 100 * float(share)
    if math.isnan(value):
        return "–"
    if 0 < value < SMALLEST:
        return f"< {SMALLEST}"
    if 100 - SMALLEST < value < 100:
        return f"> {100 - SMALLEST}"
    if 99.95 <= value < 100:
        # A share of unlabeled pixels, as with clicks, is told by how little is left.
        return f"{value:.{1 - math.floor(math.log10(100 - value))}f}"
    # Larger ones would be written with an e.
    digits = "2g" if value < 1 else "3g" if value < 999.5 else "0f"
    return f"{value:.{digits}}"
