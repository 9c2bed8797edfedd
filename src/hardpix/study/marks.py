"""Marks and lines of the variants in charts; colors are those of the style sheet, which follow light and dark.

No chart tells variants apart by color alone: each has a shape and a dash of its own.
"""

from __future__ import annotations

import math
from html import escape

SHAPES = (
    "M-5 0A5 5 0 1 0 5 0A5 5 0 1 0 -5 0Z",
    "M0-6L6 0L0 6L-6 0Z",
    "M-4.5-4.5H4.5V4.5H-4.5Z",
    "M0-6L5.5 4.5H-5.5Z",
    "M0 6L5.5-4.5H-5.5Z",
    "M-6-2H-2V-6H2V-2H6V2H2V6H-2V2H-6Z",
)
DASHES = ("5 4", "none", "9 3", "2 3", "9 3 2 3", "14 4")
# As many as the style sheet has.
COLORS = 8


def style(number: int) -> str:
    """Class of the style sheet for the variant of that number; the first is drawn hollow."""
    return f"v{number % COLORS}"


def shape(number: int, x: float | str = 0, y: float = 0) -> str:
    """The mark of a variant at a place; x may be a percentage."""
    kind = f"mark {style(number)}" + (" hollow" if number == 0 else "")
    path = f'<path class="{kind}" d="{SHAPES[number % len(SHAPES)]}"/>'
    # An inner svg can be placed by percentage, a path cannot.
    return f'<svg x="{x}" y="{y}" overflow="visible">{path}</svg>'


# Arrow heads whose tip is at the origin.
HEADS = {"left": "M0 0L7-5V5Z", "right": "M0 0L-7-5V5Z", "up": "M0 0L-5 7H5Z", "down": "M0 0L-5-7H5Z"}


def goes_on(number: int, x: float | str, y: float, way: str) -> str:
    """An arrow head where the drawn range ends and an interval does not."""
    return f'<svg x="{x}" y="{y}" overflow="visible"><path class="goes-on {style(number)}" d="{HEADS[way]}"/></svg>'


def key(number: int, name: str) -> str:
    """A variant's mark and name, as text has them."""
    return (
        f'<span class="variant"><svg class="key" width="14" height="14" viewBox="-7 -7 14 14" aria-hidden="true">'
        f"{shape(number)}</svg> <span>{escape(name)}</span></span>"
    )


def legend(names: list[str]) -> str:
    """Every variant's line and mark, as a list."""
    items = "".join(
        '<li><svg class="key" width="34" height="14" viewBox="-17 -7 34 14" aria-hidden="true">'
        f'<path class="curve {style(number)}" stroke-dasharray="{DASHES[number % len(DASHES)]}" d="M-17 0H17"/>'
        f"{shape(number)}</svg> {escape(name)}</li>"
        for number, name in enumerate(names)
    )
    return f'<ul class="keys">{items}</ul>'


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers between two ends, at most so many.

    Example:
        >>> ticks(0.0, 93.0), ticks(-2.2, 1.9)
        ([0.0, 20.0, 40.0, 60.0, 80.0], [-2.0, -1.0, 0.0, 1.0])
    """
    span = max(high - low, 1e-9)
    power = 10 ** math.floor(math.log10(span / most))
    step = next(power * factor for factor in (1, 2, 5, 10, 20) if span / (power * factor) <= most)
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 10) + 0.0 for k in range(first, math.floor(high / step + 1e-9) + 1)]
