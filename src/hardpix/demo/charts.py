"""Small charts as inline SVG: two runs on one scale, bars against chance, lines over epochs.

Colors come from the page's style sheet by class name, so that the charts follow light and dark. None says by color
alone what it says: "first" is a ring on a dashed line, "second" a diamond on a solid one, and the values are printed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from hardpix.demo.words import number, percent

WIDTH, HEIGHT = 460, 250  # of the chart of lines
LEFT, RIGHT, TOP, BOTTOM = 42, 14, 14, 40


def pair_of_marks(first: float, second: float) -> str:
    """Two scores of 0 to 1 on one line.

    Positions are percentages, so that the chart takes whatever width its table column has.
    """
    parts = [f'<line class="tick" x1="{x}%" x2="{x}%" y1="0" y2="28"/>' for x in (0, 25, 50, 75, 100)]
    if not math.isnan(first - second):
        parts.append(f'<line class="bridge" x1="{100 * first:.2f}%" x2="{100 * second:.2f}%" y1="14" y2="14"/>')
    for kind, score in (("first", first), ("second", second)):
        if not math.isnan(score):  # an inner svg can be placed by percentage, a path cannot
            parts.append(f'<svg x="{100 * score:.2f}%" y="14" overflow="visible">{_mark(kind, 6)}</svg>')
    label = f"{percent(first)} and {percent(second)}"
    return f'<svg width="100%" height="28" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def bars_from_chance(areas: Mapping[str, float]) -> str:
    """A table of areas under ROC curves with bars that start at chance, 0.5; the first one is the subject."""
    low = 0.0 if any(area < 0.5 for area in areas.values()) else 0.5

    def place(area: float) -> float:
        return 100 * (area - low) / (1 - low)

    rows = ""
    for i, (name, area) in enumerate(areas.items()):
        left, right = sorted((place(0.5), place(0.5 if math.isnan(area) else area)))
        role = "subject" if i == 0 else "other"
        rows += (
            f'<tr class="{role}"><th scope="row">{escape(name)}</th><td class="figure">{number(area)}</td>'
            '<td class="plot"><svg width="100%" height="22" aria-hidden="true">'
            f'<rect class="bar" x="{left:.2f}%" width="{right - left:.2f}%" y="4" height="14" rx="2"/>'
            f'<line class="axis" x1="{place(0.5):.2f}%" x2="{place(0.5):.2f}%" y1="0" y2="22"/></svg></td></tr>\n'
        )
    chance = "<span>0.50 chance</span>"
    ends = (chance if low else f"<span>0.00</span>{chance}") + "<span>1.00</span>"
    return (
        '<table class="bars"><caption class="unseen">Area under the ROC curve against the known ambiguity</caption>'
        '<thead><tr><th scope="col">map</th><th scope="col">AUROC</th>'
        f'<td class="plot"><span class="ends">{ends}</span></td></tr></thead><tbody>{rows}</tbody></table>'
    )


def lines_over_epochs(series: Mapping[str, Sequence[float]]) -> str:
    """Correlations of maps with themselves one epoch later, one line a map; what is not a number leaves a gap.

    The first series is the subject, drawn as "second" is elsewhere: it belongs to the run with learned hardness.
    """
    known = [value for values in series.values() for value in values if not math.isnan(value)]
    if not known:
        return '<p class="note">There is no pair of epochs to compare.</p>'
    low = math.floor(min(0.0, *known) * 4) / 4
    count = max(len(values) for values in series.values())

    def across(i: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (i / (count - 1) if count > 1 else 0.5)

    def down(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value) / (1 - low)

    parts = []
    for quarter in range(round(low * 4), 5):
        y = down(quarter / 4)
        parts.append(f'<line class="tick" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{number(quarter / 4)}</text>')
    labeled = range(0, count, math.ceil(count / 8))
    parts += [_centerd(across(i), HEIGHT - BOTTOM + 18, f"{i + 1}→{i + 2}") for i in labeled]
    parts.append(_centerd((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 4, "from epoch to epoch"))
    for kind, values in zip(_kinds(series), series.values(), strict=True):
        points = [None if math.isnan(value) else (across(i), down(value)) for i, value in enumerate(values)]
        parts.append(f'<path class="curve {kind}" d="{_path(points)}"/>')
        parts += [
            f'<g transform="translate({point[0]:.1f} {point[1]:.1f})">{_mark(kind, 5)}</g>' for point in points if point
        ]
    label = "Correlation between the maps of consecutive epochs; the values are in the table that follows"
    return f'<svg class="lines" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def line_legend(names: Iterable[str]) -> str:
    """Legend of `lines_over_epochs`, as list items."""
    names = list(names)
    return "".join(
        '<li><svg class="key" width="28" height="14" viewBox="-14 -7 28 14" aria-hidden="true">'
        f'<path class="curve {kind}" d="M-14 0L14 0"/>{_mark(kind, 5)}</svg> {escape(name)}</li>'
        for kind, name in zip(_kinds(names), names, strict=True)
    )


def mark(kind: str) -> str:
    """The mark of a run as it stands beside its name; `kind` is "first" or "second"."""
    return f'<svg class="key" width="14" height="14" viewBox="-7 -7 14 14" aria-hidden="true">{_mark(kind, 6)}</svg>'


def _mark(kind: str, radius: int) -> str:
    if kind == "first":  # hollow: the other mark shows through
        return f'<circle class="first" r="{radius}"/>'
    return f'<path class="second" d="M0-{radius}L{radius} 0L0 {radius}L-{radius} 0Z"/>'


def _kinds(series: Iterable[str]) -> list[str]:
    return ["second" if i == 0 else "first" for i, _ in enumerate(series)]


def _path(points: Sequence[tuple[float, float] | None]) -> str:
    path, pen = "", "M"
    for point in points:
        if point is not None:
            path += f"{pen}{point[0]:.1f} {point[1]:.1f}"
        pen = "M" if point is None else "L"
    return path


def _centerd(x: float, y: float, text: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle">{text}</text>'
