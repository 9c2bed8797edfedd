"""Tables of the page: for every figure each variant's mean, and its difference with the interval drawn beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from hardpix.study.figures import COSTS, Figure
from hardpix.study.marks import goes_on, key, shape, style
from hardpix.study.statistics import PairedDifference
from hardpix.study.table import LOWER, NEVER, number, with_spread


def figure_table(of_group: Sequence[Figure], title: str) -> str:
    """One group of figures as a table."""
    first, *others = of_group[0].values
    drawn = of_group[0].group != COSTS and bool(others)
    reach = _reach(of_group) if drawn else 1.0
    plot = f'<td class="plot"><span class="ends">{_ends(reach)}</span></td>' if drawn else ""
    head = (
        '<thead><tr><th scope="col">figure</th><th scope="col">variant</th><th scope="col">mean ± sd</th>'
        f'<th scope="col">difference (95&nbsp;%)</th>{plot}</tr></thead>'
    )
    rows = []
    for figure in of_group:
        about = f' title="{escape(figure.about)}"' if figure.about else ""
        if figure.never_found:
            told = f'<td class="never" colspan="{3 + drawn}">{NEVER}</td>'
            rows.append(
                f'<tbody><tr><th scope="row" class="name"{about}>{escape(figure.title)}</th>{told}</tr></tbody>'
            )
            continue
        lower = f' data-note="{LOWER}"' if figure.says_lower else ""
        span = f'rowspan="{1 + len(others)}"'
        start = f'<th scope="rowgroup" class="name" {span}{about}{lower}>{escape(figure.title)}</th>'
        cells = []
        for place, name in enumerate(figure.values):
            values = _minus(with_spread(figure.spread(name), figure.group))
            mean = f'<td>{key(place, name)}</td><td class="figure">{values}</td>'
            if name == first:
                cells.append(f'{mean}<td class="figure"></td>' + ('<td class="plot"></td>' if drawn else ""))
            else:
                found = figure.difference(name)
                chart = f'<td class="plot">{_interval(found, place, reach)}</td>' if drawn else ""
                cells.append(f"{mean}{_difference(found, figure)}{chart}")
        cells[0] = start + cells[0]
        rows.append("<tbody>" + "".join(f"<tr>{row}</tr>" for row in cells) + "</tbody>")
    return f'<table class="figures"><caption class="unseen">{escape(title)}</caption>{head}{"".join(rows)}</table>'


def signed(value: float, group: str) -> str:
    """A difference with its sign.

    Example:
        >>> signed(-1.234, "Scores")
        '−1.23'
    """
    return _minus(number(value, group, "+"))


def _minus(text: str) -> str:
    return text.replace("-", "−")


def _ends(reach: float) -> str:
    return f"<span>−{reach:.3g}</span><span>0</span><span>+{reach:.3g}</span>"


def _difference(found: PairedDifference, figure: Figure) -> str:
    """Mean and interval; an arrow and a color say whether it is good, where the interval leaves zero out."""
    if math.isnan(found.mean):
        return '<td class="figure">–</td>'
    kind, arrow = "same", ""
    if found.is_clear and figure.better is not None and figure.group != COSTS:
        good = (found.mean > 0) == (figure.better == "high")
        kind, arrow = ("gain", "▲ ") if good else ("loss", "▼ ")
    text = f'<span class="difference {kind}">{arrow}{signed(found.mean, figure.group)}</span>'
    if not math.isnan(found.low):
        ends = f"{signed(found.low, figure.group)} to {signed(found.high, figure.group)}"
        text += f' <span class="interval-text">({ends})</span>'
    return f'<td class="figure">{text}</td>'


def _reach(of_group: Sequence[Figure]) -> float:
    """The largest value of the drawn scale: most intervals lie in it, the longest are cut off."""
    ends = []
    for figure in of_group:
        for name in list(figure.values)[1:]:
            found = figure.difference(name)
            known = [abs(end) for end in (found.low, found.high, found.mean) if not math.isnan(end)]
            ends += [max(known)] if known else []
    if not ends:
        return 1.0
    ends.sort()
    return max(ends[int(0.8 * (len(ends) - 1))], 1e-6) * 1.05


def _interval(found: PairedDifference, place: int, reach: float) -> str:
    if math.isnan(found.mean):
        return ""

    def across(value: float) -> float:
        return 50 + 50 * min(max(value / reach, -1.0), 1.0)

    parts = ['<line class="axis" x1="50%" x2="50%" y1="0" y2="24"/>']
    if not math.isnan(found.low):
        low, high = across(found.low), across(found.high)
        parts.append(f'<line class="interval {style(place)}" x1="{low:.2f}%" x2="{high:.2f}%" y1="12" y2="12"/>')
        for end, at in ((found.low, low), (found.high, high)):
            if abs(end) <= reach:
                parts.append(f'<line class="interval {style(place)}" x1="{at:.2f}%" x2="{at:.2f}%" y1="7" y2="17"/>')
            else:
                parts.append(goes_on(place, f"{at:.2f}%", 12, "left" if end < 0 else "right"))
    if abs(found.mean) <= reach:
        parts.append(shape(place, f"{across(found.mean):.2f}%", 12))
    return f'<svg width="100%" height="24" aria-hidden="true">{"".join(parts)}</svg>'
