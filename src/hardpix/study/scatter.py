"""Gain of each class against how much of the pixels it has, or how much of it is thin."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from hardpix.study.figures import CLASSES, Figure, class_names
from hardpix.study.lines import Line
from hardpix.study.marks import goes_on, shape, style, ticks

WIDTH, HEIGHT = 470, 330
LEFT, RIGHT, TOP, BOTTOM = 50, 16, 14, 46
# A little more than letters take, since they are larger on narrow screens.
LETTER, LINE_HEIGHT = 7.6, 15


@dataclass(frozen=True)
class Point:
    """A class: its place across, and its gain in IoU with the interval, in points."""

    name: str
    x: float
    gain: float
    low: float
    high: float


def points(lines: Sequence[Line], found: Sequence[Figure], variant: str, key: str) -> list[Point]:
    """A point for each class that has both and is found by some run.

    Args:
        lines: finished ones; the truth is that of the first, which all share.
        found: all figures.
        variant: whose difference to the first is the gain.
        key: "share" or "thin_share" of the class scores.
    """
    shares = dict(zip(class_names(lines), lines[0]["class_scores"][key], strict=True))
    result = []
    for figure in found:
        if figure.group == CLASSES and not figure.never_found and (share := shares[figure.title]) is not None:
            gain = figure.difference(variant)
            if not math.isnan(gain.mean):
                result.append(Point(figure.title, 100 * share, gain.mean, gain.low, gain.high))
    return result


def draw_points(of_classes: Sequence[Point], number: int, title: str, logarithmic: bool) -> str:
    """The points as inline SVG; labels that would cover another are left out, and shown at the pointer.

    Args:
        of_classes: the points.
        number: of the variant.
        title: of the axis.
        logarithmic: where shares span orders of magnitude.
    """
    shown = [point for point in of_classes if point.x > 0 or not logarithmic]
    if not shown:
        return '<p class="note">No class can be shown.</p>'
    scale: Callable[[float], float] = math.log10 if logarithmic else float
    left, right = (scale(choose(point.x for point in shown)) for choose in (min, max))
    beside = max(0.06 * (right - left), 0.1 if logarithmic else 2.0)
    left, right = left - beside, right + beside
    ends = [end for p in shown for end in (p.gain, p.low, p.high) if not math.isnan(end)]
    # A single class with a huge interval would flatten all others.
    means = max(1.0, *(abs(point.gain) for point in shown))
    low, high = max(min([*ends, 0.0]), -3 * means), min(max([*ends, 0.0]), 3 * means)
    # Where nothing differs, the axis still has a length.
    margin = 0.06 * (high - low) or 1.0
    low, high = low - margin, high + margin

    def across(x: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (scale(x) - left) / (right - left)

    def down(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - min(max(value, low), high)) / (high - low)

    parts = _axes(left, right, low, high, logarithmic, title, down)
    for point in shown:
        x, y = across(point.x), down(point.gain)
        interval = "" if math.isnan(point.low) else f" ({point.low:+.2f} to {point.high:+.2f})"
        bar = ""
        if interval:
            y1, y2 = down(point.low), down(point.high)
            bar = f'<line class="interval {style(number)}" x1="{x:.1f}" x2="{x:.1f}" y1="{y1:.1f}" y2="{y2:.1f}"/>'
            bar += goes_on(number, round(x, 1), TOP, "up") if point.high > high else ""
            bar += goes_on(number, round(x, 1), HEIGHT - BOTTOM, "down") if point.low < low else ""
        said = f"{escape(point.name)}: {point.gain:+.2f}{interval}; {point.x:.3g} %"
        parts.append(f"<g><title>{said}</title>{bar}{shape(number, round(x, 1), round(y, 1))}</g>")
    parts += _labels([(across(point.x), down(point.gain), point.name) for point in _most_first(shown)])
    label = f"Gain in IoU of every class against {title}; the gains are in the table of classes"
    drawn = "".join(parts)
    return f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">{drawn}</svg>'


def _axes(
    left: float,
    right: float,
    low: float,
    high: float,
    logarithmic: bool,
    title: str,
    down: Callable[[float], float],
) -> list[str]:
    parts = []
    for tick in ticks(low, high):
        kind = "axis" if tick == 0 else "tick"
        y = down(tick)
        parts.append(f'<line class="{kind}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{_signed(tick)}</text>')
    places = _decades(left, right) if logarithmic else ticks(left, right)
    for place in places:
        x = LEFT + (WIDTH - LEFT - RIGHT) * (place - left) / (right - left)
        words = f"{10.0**place:.3g}" if logarithmic else f"{place:g}"
        parts.append(f'<line class="tick" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>')
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 17}" text-anchor="middle">{words}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle:.1f}" y="{HEIGHT - 8}" text-anchor="middle">{escape(title)}, %</text>')
    return parts


def _decades(left: float, right: float) -> list[float]:
    """Logarithms of the powers of ten between two logarithms; of their 2- and 5-fold, too, where those are few.

    Example:
        >>> [round(10**place) for place in _decades(0.2, 1.5)]
        [2, 5, 10, 20]
    """
    powers = range(math.floor(left), math.ceil(right) + 1)
    factors = (1, 2, 5) if right - left < 2.5 else (1,)
    places = [power + math.log10(factor) for power in powers for factor in factors]
    return [place for place in places if left <= place <= right]


def _signed(value: float) -> str:
    return f"{value:+g}".replace("-", "−") if value else "0"


def _most_first(shown: Sequence[Point]) -> list[Point]:
    return sorted(shown, key=lambda point: -abs(point.gain))


def _labels(places: Sequence[tuple[float, float, str]]) -> list[str]:
    """Names beside their points, as long as there is room: right, left, above, or below."""
    taken = [(x - 6, y - 6, x + 6, y + 6) for x, y, _ in places]
    parts = []
    for x, y, name in places:
        width = LETTER * len(name)
        for at_x, at_y, anchor in (
            (x + 9, y + 4, "start"),
            (x - 9, y + 4, "end"),
            (x, y - 9, "middle"),
            (x, y + 18, "middle"),
        ):
            start = {"start": at_x, "end": at_x - width, "middle": at_x - width / 2}[anchor]
            box = (start, at_y - LINE_HEIGHT + 3, start + width, at_y + 3)
            inside = box[0] >= LEFT and box[2] <= WIDTH and box[1] >= 0 and box[3] <= HEIGHT - BOTTOM
            if inside and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                parts.append(
                    f'<text class="name" x="{at_x:.1f}" y="{at_y:.1f}" text-anchor="{anchor}">{escape(name)}</text>'
                )
                break
    return parts


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
