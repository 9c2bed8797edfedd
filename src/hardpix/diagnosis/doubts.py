"""Doubts about the ids of the two sides, raised before anything is scored.

A doubt is refused where the ids themselves or the pixels show with near certainty that a side is stored another way.
It is said where they only suggest that. docs/diagnosis.md has the rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hardpix.data.problems import ranges
from hardpix.diagnosis.agreement import Agreement
from hardpix.diagnosis.checking import Checked
from hardpix.diagnosis.readings import Reading, Readings
from hardpix.diagnosis.soft_maps import is_soft, share_between

# Cohen's kappa of a reading that is worth speaking of. Chance is 0, and few networks that are used stay below.
CONVINCING = 0.4
# A reading is certain where the ids as they stand agree at most so far, as a share of its own kappa.
LEFT = 0.25
# Kappa that another reading must gain to be spoken of.
GAIN = 0.2
# On fewer pixels, agreement is an accident.
FEWEST_PIXELS = 100


@dataclass(frozen=True)
class Doubt:
    """Words about ids, and whether they refuse the work."""

    text: str
    refused: bool


def find_doubts(readings: Readings, cases: Sequence[Checked], answered: bool) -> list[Doubt]:
    """Doubts about one set of files.

    Args:
        readings: the pairs of ids of all files, and the way in which they are to be read.
        cases: the files.
        answered: the user has said how ids are stored; then doubts are said, and never refused.
    """
    if not answered and (found := _soft(readings, cases)):
        return [found]
    if readings.found and not answered and (found := _foreground_unlabeled(readings, cases)):
        return [found]
    asked = readings.asked.score(readings.pairs)
    scored = [(reading, reading.score(readings.pairs)) for reading in readings.others()]
    best = _best(scored)
    apart = readings.found and not answered and _apart(readings)
    if best is not None and not apart:
        certain = [entry for entry in scored if _certain(entry[1], asked)]
        known = _best([entry for entry in certain if entry[0].known or (readings.found and _extra(readings))])
        if known is not None:
            return [_as_doubt(readings, cases, asked, known, refused=not answered)]
        # An order of ids that is no known one may as well be what a network mixes up.
        likely = [entry for entry in scored if entry[0].known and _likely(entry[1], asked)]
        suggested = _best([*certain, *likely])
        if suggested is not None:
            return [_as_doubt(readings, cases, asked, suggested, refused=False)]
    if apart:
        return [_as_doubt(readings, cases, asked, best, refused=True)]
    if (
        readings.found
        and not answered
        and (missing := set(readings.own) - _predicted(readings))
        and (extra := _extra(readings))
    ):
        labeled = sum(readings.predicted.values())
        share = sum(readings.predicted[i] for i in extra) / labeled
        return [
            Doubt(
                f"the predictions hold {ranges(extra)} at {_percent(share)} of the labeled pixels, which no mask "
                f"holds, the masks {ranges(missing)}, which is never predicted: each is taken for a class of its own "
                f"({_files(cases, lambda case: bool(case.predicted & extra))}); if a side is stored another way, "
                "--prediction-map '{PREDICTED: MASK}' says so",
                refused=False,
            )
        ]
    return []


def _apart(readings: Readings) -> bool:
    """Whether the ids of the two sides are of two kinds: as many classes but other ids, or no id in common."""
    own, predicted = set(readings.own), _predicted(readings)
    if not own or not predicted or own == predicted or len(own) == len(predicted) == 1:
        return False
    return len(own) == len(predicted) or not own & predicted


def _predicted(readings: Readings) -> set[int]:
    """The ids of classes in the predictions."""
    found = set(readings.predicted)
    return found if found == {0, 255} else found - ({255, 65535} - set(readings.own))


def _extra(readings: Readings) -> set[int]:
    """The ids of classes that only the predictions hold."""
    return _predicted(readings) - set(readings.own)


def _certain(other: Agreement, asked: Agreement) -> bool:
    """Whether another reading is beyond doubt."""
    if other.labeled < FEWEST_PIXELS:
        return False
    complete = other.unread == 0
    if complete and asked.unread >= 0.5 * asked.labeled > 0:
        return True
    if other.kappa < CONVINCING:
        return False
    return asked.kappa <= LEFT * other.kappa or (complete and asked.labeled < 0.5 * other.labeled)


def _likely(other: Agreement, asked: Agreement) -> bool:
    """Whether another reading is worth a word."""
    return other.labeled >= FEWEST_PIXELS and other.kappa >= max(CONVINCING, asked.kappa + GAIN)


def _best(scored: Sequence[tuple[Reading, Agreement]]) -> tuple[Reading, Agreement] | None:
    """The reading that agrees most; of those that agree as much, the first."""
    if not scored:
        return None
    highest = max(score.kappa for _, score in scored)
    return next(entry for entry in scored if entry[1].kappa >= highest - 0.01)


def _as_doubt(
    readings: Readings,
    cases: Sequence[Checked],
    asked: Agreement,
    best: tuple[Reading, Agreement] | None,
    refused: bool,
) -> Doubt:
    holds = f"the masks hold the ids {ranges(readings.own)}, the predictions {ranges(readings.predicted)}"
    if best is None:
        where = _files(cases, lambda case: bool(case.predicted & _extra(readings)))
        lines = [f"{holds}, and nothing says how they belong together ({where})"]
        advice = ["say it with --prediction-map '{PREDICTED: MASK, …}' or a class table (--classes)"]
    else:
        reading, score = best
        truth, predictions = (
            {i for i in before.keys() | after.keys() if before.get(i) != after.get(i)}
            for before, after in (
                (readings.asked.truth, reading.truth),
                (readings.asked.predictions, reading.predictions),
            )
        )
        changed = sum(n for t, p, n in readings.pairs if t in reading.truth and (t in truth or p in predictions))
        kind = "predictions" if predictions else "truth"
        where = _files(cases, lambda case: bool(case.truth & truth or case.predicted & predictions), kind)
        lines = [
            holds,
            f"as they stand, {_percent(asked.accuracy)} of the labeled pixels agree (mIoU {_percent(asked.miou)}"
            + (
                f"; {_percent(asked.unread / asked.labeled)} have no class in the predictions)" if asked.unread else ")"
            ),
            f"read {reading.name}, {_percent(score.accuracy)} agree (mIoU {_percent(score.miou)})",
            f"the two differ at {_percent(changed / max(score.labeled, 1))} of the labeled pixels, in {where}",
        ]
        advice = [f"add to the command: {reading.settings}"]
    if not refused:
        return Doubt("; ".join([*lines, f"if that is how they are stored, {advice[0]}"]), refused=False)
    advice.append("or, if the ids are meant as they stand: --prediction-ids stored")
    title = "the ids of masks and predictions do not go together, so that scores would be wrong"
    return Doubt("\n  ".join([title, *lines, *(f"what to do: {line}" for line in advice)]), refused=True)


def _soft(readings: Readings, cases: Sequence[Checked]) -> Doubt | None:
    """Sides of gray levels: a score of one class, or masks whose edges were smoothed."""
    sides = {"truth": readings.pairs.of_truth, "prediction": readings.pairs.of_predictions}
    (truth, predicted) = sides.values()
    soft = {"truth": is_soft(truth, predicted), "prediction": is_soft(predicted, truth)}
    if not readings.found:
        # In a class table, gray levels are ids.
        soft = {name: found and None in map(_side(readings, name), sides[name]) for name, found in soft.items()}
    if not any(soft.values()):
        return None
    lines = ["expected ids of classes, found levels of gray, which would each be taken for a class"]
    for name, words in (("truth", "masks"), ("prediction", "predictions")):
        if soft[name]:
            held = sides[name]
            gray = set(held) - {0, 255}
            where = _files(
                cases,
                lambda case, name=name, gray=gray: bool((case.truth if name == "truth" else case.predicted) & gray),  # type: ignore[misc]
                "truth" if name == "truth" else "predictions",
            )
            lines.append(
                f"the {words} hold {len(held)} values from {min(held)} to {max(held)}, {_percent(share_between(held))} "
                f"of their pixels neither 0 nor 255, as a score or a smoothed edge has, in {where}"
            )
    if soft["truth"] and set(predicted) == {0, 255}:
        soft["prediction"] = True
    settings = " ".join(f"--{name}-threshold 128" for name, found in soft.items() if found)
    lines.append(f"what to do: add to the command, with the level of your choice: {settings}")
    lines.append("or, if they are ids all the same: --prediction-ids stored")
    return Doubt("\n  ".join(lines), refused=True)


def _side(readings: Readings, name: str) -> Callable[[int], int | None]:
    return (readings.truth if name == "truth" else readings.predictions).index_of


def _foreground_unlabeled(readings: Readings, cases: Sequence[Checked]) -> Doubt | None:
    """Masks in which 255 seems to be a class, while it is taken for unlabeled."""
    ids = set(readings.pairs.of_truth)
    if readings.truth.index_of(255) != -1 or 255 not in ids:
        return None
    predicted = set(readings.pairs.of_predictions)
    if ids == {1, 255} and predicted <= {0, 1}:
        meaning, settings = {1: 1, 255: 0}, "--label-map '{255: 0, 1: 1}' --prediction-ids index"
    elif ids == {0, 1, 255} and predicted <= {0, 1, 255} and not any({1, 255} <= case.truth for case in cases):
        meaning, settings = {0: 0, 1: 1, 255: 1}, "--label-map '{0: 0, 1: 1, 255: 1}'"
    else:
        return None
    reading = Reading(settings, "with 255 as a class", meaning, {0: 0, 1: 1, 255: 1})
    only = readings.pairs.where(readings.pairs.truth != 1) if 0 in ids else readings.pairs
    if not reading.score(only).kappa >= CONVINCING:
        return None
    score = reading.score(readings.pairs)
    share = readings.pairs.of_truth[255] / sum(readings.pairs.of_truth.values())
    where = _files(cases, lambda case: 255 in case.truth, "truth")
    return Doubt(
        "255 in the masks is taken for unlabeled, and seems to be a class\n  "
        f"it stands at {_percent(share)} of the pixels, in {where}\n  "
        f"read {reading.name}, {_percent(score.accuracy)} of the pixels agree (mIoU {_percent(score.miou)})\n  "
        f"what to do: add to the command: {settings}\n  "
        "what to do: or, if 255 is unlabeled: --prediction-ids stored",
        refused=True,
    )


def _files(cases: Sequence[Checked], concerned: Callable[[Checked], bool], kind: str = "predictions") -> str:
    """The first three files that a doubt concerns, and how many more there are."""
    found: list[Path] = [case.case.files[kind] for case in cases if concerned(case)]
    more = f" and {len(found) - 3:,} more" if len(found) > 3 else ""
    return ", ".join(map(str, found[:3])) + more


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
