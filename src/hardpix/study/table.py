"""The table of a study as Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hardpix.diagnosis.scores.boundary_iou import TWO_BORDER_SCORES
from hardpix.study.caption import caption, variants_of
from hardpix.study.figures import BORDER_MIOU, COSTS, SCORES, Figure, figures
from hardpix.study.lines import Line, finished
from hardpix.study.statistics import PairedDifference, Spread

NEVER, LOWER = "never found by any run", "lower is better"


def markdown(lines: Sequence[Line]) -> str:
    """The whole table: caption, a table for each group of figures, and every seed's scores.

    Args:
        lines: of finished and failed runs, in the order of their variants.
    """
    done = finished(lines)
    parts = ["# Comparison of " + ", ".join(variants_of(lines)), ""]
    if not done:
        return "\n".join([*parts, "No run is finished.", ""])
    parts += ["\n".join(f"- {sentence}" for sentence in caption(lines)), ""]
    found = figures(done)
    for group in dict.fromkeys(figure.group for figure in found):
        of_group = [figure for figure in found if figure.group == group]
        unit = ", in %" if of_group[0].unit == "%" else ""
        parts += [f"## {group}{unit}", "", *group_table(of_group), ""]
        if any(figure.title == BORDER_MIOU.title for figure in of_group):
            parts += [TWO_BORDER_SCORES, ""]
    parts += ["## Every seed, in %", "", *seed_table([figure for figure in found if figure.group == SCORES][:4]), ""]
    return "\n".join(parts)


def group_table(of_group: Sequence[Figure]) -> list[str]:
    """Rows of Markdown: mean and spread of every variant, then its difference to the first with the interval."""
    first, *others = of_group[0].values
    head = ["", cell(first), *(text for name in others for text in (cell(name), f"difference of {cell(name)}"))]
    rows = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for figure in of_group:
        if figure.never_found:
            rows.append(f"| {cell(figure.title)} | {NEVER} |" + " |" * (len(head) - 2))
            continue
        title = f"{figure.title} ({LOWER})" if figure.says_lower else figure.title
        texts = [cell(title), with_spread(figure.spread(first), figure.group)]
        for name in others:
            texts += [
                with_spread(figure.spread(name), figure.group),
                with_interval(figure.difference(name), figure.group),
            ]
        rows.append(f"| {' | '.join(texts)} |")
    return rows


def seed_table(shown: Sequence[Figure]) -> list[str]:
    """Rows of Markdown: the values of some figures for every seed, variants side by side."""
    variants = list(shown[0].values)
    head = ["seed", *(f"{cell(figure.title)}: {cell(name)}" for figure in shown for name in variants)]
    rows = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for seed in sorted({seed for of_variant in shown[0].values.values() for seed in of_variant}):
        values = [figure.values[name].get(seed, math.nan) for figure in shown for name in variants]
        rows.append(f"| {seed} | {' | '.join(number(value, SCORES) for value in values)} |")
    return rows


def number(value: float, group: str, sign: str = "") -> str:
    """A figure with two decimals, or three digits of times and memory; a dash where it is not known.

    Example:
        >>> number(12.3456, "Scores"), number(0.012345, "Time and memory"), number(float("nan"), "Scores")
        ('12.35', '0.0123', '–')
        >>> number(-0.001, "Scores", "+"), number(-0.011, "Scores", "+")
        ('0.00', '-0.01')
    """
    if math.isnan(value):
        return "–"
    digits = ".2f" if group != COSTS else ".0f" if abs(value) >= 100 else ".3g"
    text = f"{value:{sign}{digits}}"
    # A figure that rounds to nothing has no sign.
    return text if float(text) else text.lstrip("+-")


def with_spread(found: Spread, group: str) -> str:
    """Mean ± standard deviation."""
    return number(found.mean, group) + ("" if math.isnan(found.std) else f" ± {number(found.std, group)}")


def with_interval(found: PairedDifference, group: str) -> str:
    """Mean difference and its interval; bold where that of a score leaves zero out."""
    mean = number(found.mean, group, "+")
    if math.isnan(found.low):
        return mean
    text = f"{mean} ({number(found.low, group, '+')} to {number(found.high, group, '+')})"
    return f"**{text}**" if found.is_clear and group != COSTS else text


def cell(text: str) -> str:
    r"""Text that does not end a cell.

    Example:
        >>> cell("a|b")
        'a\\|b'
    """
    return text.replace("|", "\\|")
