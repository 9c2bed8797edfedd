"""Learning curves of the variants: mean over seeds as a line, mean ± standard deviation as a band."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hardpix.study.caption import variants_of
from hardpix.study.lines import Line
from hardpix.study.marks import DASHES, shape, style, ticks
from hardpix.study.statistics import Spread, spread

WIDTH, HEIGHT = 560, 270
LEFT, RIGHT, TOP, BOTTOM = 40, 14, 10, 40
Curve = dict[int, Spread]


def curves(lines: Sequence[Line]) -> dict[str, Curve]:
    """Validation mIoU in percent by variant and epoch, over the seeds that have this epoch."""
    found: dict[str, Curve] = {}
    for name, of_variant in variants_of(lines).items():
        by_epoch: dict[int, list[float]] = {}
        for line in of_variant:
            for entry in line["curve"]:
                if entry["miou"] is not None:
                    by_epoch.setdefault(entry["epoch"], []).append(100 * entry["miou"])
        found[name] = {epoch: spread(values) for epoch, values in sorted(by_epoch.items())}
    return found


def draw_curves(found: dict[str, Curve]) -> str:
    """The curves as inline SVG; a sentence where there are none."""
    every = [(epoch, value) for curve in found.values() for epoch, value in curve.items()]
    if not every:
        return '<p class="note">No run was validated while it was trained.</p>'
    last = max(epoch for epoch, _ in every)
    first = min(epoch for epoch, _ in every)
    ends = [end for _, each in every for end in _band(each)]
    low, high = min(ends), max(ends)
    low, high = low - 0.04 * (high - low + 1), high + 0.04 * (high - low + 1)

    def across(epoch: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * ((epoch - first) / (last - first) if last > first else 0.5)

    def down(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low)

    parts = []
    for tick in ticks(low, high):
        y = down(tick)
        parts.append(f'<line class="tick" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for tick in ticks(first, last, 10):
        if tick == int(tick):
            at = f'x="{across(tick):.1f}" y="{HEIGHT - BOTTOM + 18}"'
            parts.append(f'<text {at} text-anchor="middle">{tick:g}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle:.1f}" y="{HEIGHT - 4}" text-anchor="middle">epoch</text>')
    bands, strokes = [], []
    for number, curve in enumerate(found.values()):
        if not curve:
            continue
        upper = [f"{across(epoch):.1f} {down(_band(each)[1]):.1f}" for epoch, each in curve.items()]
        lower = [f"{across(epoch):.1f} {down(_band(each)[0]):.1f}" for epoch, each in reversed(curve.items())]
        middle_line = "L".join(f"{across(epoch):.1f} {down(each.mean):.1f}" for epoch, each in curve.items())
        bands.append(f'<path class="band {style(number)}" d="M{"L".join(upper + lower)}Z"/>')
        dash = DASHES[number % len(DASHES)]
        strokes.append(f'<path class="curve {style(number)}" stroke-dasharray="{dash}" d="M{middle_line}"/>')
        end = max(curve)
        strokes.append(shape(number, round(across(end), 1), round(down(curve[end].mean), 1)))
    label = "Validation mIoU over epochs; the values of the last epoch are in the tables"
    drawn = "".join(parts + bands + strokes)
    return f'<svg class="chart wide" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{drawn}</svg>'


def _band(each: Spread) -> tuple[float, float]:
    half = 0.0 if math.isnan(each.std) else each.std
    return each.mean - half, each.mean + half
