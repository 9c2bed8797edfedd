"""Plain sentences that depend on the figures, also when learned hardness did not win."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

ABSENT = "–"


def percent(share: float) -> str:
    """A score of 0 to 1 in points, one decimal; a dash where there is none.

    >>> percent(0.6543), percent(float("nan"))
    ('65.4', '–')
    """
    return ABSENT if math.isnan(share) else f"{100 * share:.1f}"


def signed(difference: float) -> str:
    """A difference of two scores in points, with its sign; a dash where there is none.

    >>> signed(0.0214), signed(-0.0214), signed(-0.0001), signed(float("nan"))
    ('+2.1', '−2.1', '0.0', '–')
    """
    if math.isnan(difference):
        return ABSENT
    points = round(100 * difference, 1)
    sign = "+" if points > 0 else "−" if points < 0 else ""
    return f"{sign}{abs(points):.1f}"


def number(value: float) -> str:
    """A coefficient with two decimals; a dash where there is none."""
    return ABSENT if math.isnan(value) else f"{value:.2f}".replace("-", "−")


def direction(difference: float) -> int:
    """1 for a gain, −1 for a loss, 0 for what one decimal of a point does not show (or does not exist)."""
    return 0 if math.isnan(difference) else int(np.sign(round(100 * difference, 1)))


def headline(name: str, thin: float, miou: float) -> str:
    """Heading of the page, from the differences in mean IoU over the thin and small classes and over all.

    >>> headline("Learned hardness", 0.138, 0.065)
    'Learned hardness: +13.8 points of IoU on thin and small classes, +6.5 on all'
    >>> headline("Learned hardness", -0.021, -0.004)
    'Learned hardness did not win here: −2.1 points of IoU on thin and small classes, −0.4 on all'
    """
    if math.isnan(thin) and math.isnan(miou):
        return "No mIoU to compare"
    found = {direction(thin), direction(miou)} - {0}
    if not found:
        return f"{name} made no difference here: the scores are the same"
    verb = {(1,): "", (-1,): " did not win here", (-1, 1): " won and lost here"}[tuple(sorted(found))]
    return f"{name}{verb}: {signed(thin)} points of IoU on thin and small classes, {signed(miou)} on all"


# Another seed moves the scores of so short a training by as much.
NOISE = 0.02


def share_sentence(name: str, alone: tuple[float, float], beside: tuple[float, float]) -> str:
    """Says which part of the difference is that of one ingredient, and which is that of learned hardness beside it.

    Args:
        name: of the ingredient.
        alone: its differences to the plain run, over thin and small classes and over all.
        beside: differences of both together to the ingredient alone.

    >>> share_sentence("Class balance", (0.141, 0.066), (0.031, 0.012))
    'Class balance alone: +14.1 on thin and small classes, +6.6 on all. Learned hardness beside it: +3.1 and +1.2 more.'
    >>> share_sentence("Class balance", (0.141, 0.066), (-0.003, 0.001))[-84:]
    'Learned hardness beside it: −0.3 and +0.1 more, less than another seed would change.'
    """
    change = f"{signed(beside[0])} and {signed(beside[1])} more"
    known = [abs(value) for value in beside if not math.isnan(value)]
    if known and max(known) < NOISE:
        change += ", less than another seed would change"
    first = f"{name} alone: {signed(alone[0])} on thin and small classes, {signed(alone[1])} on all."
    return f"{first} Learned hardness beside it: {change}."


def border_sentence(miou: float, border: float) -> str:
    """Compares the difference near borders with the difference over all pixels.

    >>> border_sentence(0.02, -0.01)
    'Within 3 pixels of a border the difference is −1.0 points, over all pixels +2.0: the two disagree.'
    """
    if math.isnan(border):
        return "There is no score near borders to compare."
    text = f"Within 3 pixels of a border the difference is {signed(border)} points, over all pixels {signed(miou)}"
    return text + (": the two disagree." if direction(border) * direction(miou) < 0 else ".")


def class_sentence(differences: Mapping[str, float]) -> str:
    """Counts the classes that gained and lost, and names the ones that did so most.

    >>> class_sentence({"pole": 0.06, "road": 0.001, "sky": -0.004, "train": float("nan")})
    'Of 3 classes with a score, 2 gained and 1 lost. Largest gain: pole (+6.0). Largest loss: sky (−0.4).'
    """
    known = {name: value for name, value in differences.items() if not math.isnan(value)}
    gained = [name for name, value in known.items() if direction(value) > 0]
    lost = [name for name, value in known.items() if direction(value) < 0]
    text = f"Of {len(known)} classes with a score, {len(gained)} gained and {len(lost)} lost."
    if gained:
        best = max(gained, key=known.__getitem__)
        text += f" Largest gain: {best} ({signed(known[best])})."
    if lost:
        worst = min(lost, key=known.__getitem__)
        text += f" Largest loss: {worst} ({signed(known[worst])})."
    return text


def auroc_sentence(auroc: Mapping[str, float]) -> str:
    """Says if the first map, the learned one, ranks the ambiguous pixels best, and if not, which maps do.

    >>> auroc_sentence({"learned hardness": 0.8, "loss": 0.7})
    'Of these 2 maps, learned hardness finds the ambiguous pixels best.'
    >>> auroc_sentence({"learned hardness": 0.7, "loss": 0.8, "1 − confidence": 0.6})
    'Learned hardness (0.70) is not the best finder of ambiguous pixels: loss (0.80) does better.'
    """
    name, learned = next(iter(auroc.items()), ("", math.nan))
    if math.isnan(learned):
        return "The learned map could not be scored against the known ambiguity."
    better = [f"{other} ({number(value)})" for other, value in auroc.items() if value > learned]
    if better:
        verb = "does" if len(better) == 1 else "do"
        return (
            f"{_capital(name)} ({number(learned)}) is not the best finder of ambiguous pixels: "
            f"{listed(better)} {verb} better."
        )
    return f"Of these {len(auroc)} maps, {name} finds the ambiguous pixels best."


def stability_sentence(stability: Mapping[str, Sequence[float]]) -> str:
    """Says if the first map, the learned one, changes less between epochs than the others: mean correlations.

    >>> stability_sentence({"learned hardness": [0.8, 0.9], "loss": [0.5, 0.6]})
    'Learned hardness is the steadier map: mean correlation 0.85, loss 0.55.'
    """
    means = {name: _mean(values) for name, values in stability.items()}
    name, learned = next(iter(means.items()), ("", math.nan))
    if math.isnan(learned):
        return "There were too few epochs to say how steady the maps are."
    others = ", ".join(f"{other} {number(value)}" for other, value in means.items() if other != name)
    verb = "is" if all(not value >= learned for other, value in means.items() if other != name) else "is not"
    return f"{_capital(name)} {verb} the steadier map: mean correlation {number(learned)}, {others}."


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def listed(items: Sequence[str]) -> str:
    """Items with commas and an "and" before the last.

    >>> listed(["pole", "wire", "sign"])
    'pole, wire and sign'
    """
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
