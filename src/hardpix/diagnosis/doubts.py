"""Doubts about the ids of the two sides, raised before anything is scored.

A doubt is refused where the ids themselves or the pixels show with near certainty that a side is stored another way.
It is said where they only suggest that. docs/diagnosis.md has the rule.
"""

from __future__ import annotations

from collections.abc import Sequence

from hardpix.data.problems import ranges
from hardpix.data.table_order import KIND as IN_ORDER
from hardpix.diagnosis.agreement import Agreement
from hardpix.diagnosis.checks import Checked
from hardpix.diagnosis.doubt import CONVINCING, Doubt, files_of
from hardpix.diagnosis.readings import Reading, Readings
from hardpix.diagnosis.side_dialects import side_doubts
from hardpix.diagnosis.soft_maps import soft_maps_doubt
from hardpix.pixels.percent import percent

# A reading is certain where the ids as they stand agree at most so far, as a share of its own kappa.
LEFT = 0.25
# Kappa that another reading must gain to be spoken of.
GAIN = 0.2
# Share of the labeled pixels without a class in the predictions that is no accident.
READ = 0.001
# On fewer pixels, agreement is an accident.
FEWEST_PIXELS = 100


def find_doubts(readings: Readings, cases: Sequence[Checked], answered: bool) -> list[Doubt]:
    """Doubts about one set of files.

    Args:
        readings: the pairs of ids of all files, and the way in which they are to be read.
        cases: the files.
        answered: the user has said how ids are stored; then doubts are said, and never refused.
    """
    if not answered and (found := soft_maps_doubt(readings, cases)):
        return [found]
    of_sides = list(side_doubts(readings, cases, refused=not answered))
    # The pixels of both sides tell better which of them holds numbers in the order of the table.
    if refused := [doubt for doubt in of_sides if doubt.refused and doubt.kind != IN_ORDER]:
        return [*refused]
    about_ids = _doubts_about_ids(readings, cases, answered)
    if any(doubt.refused for doubt in about_ids):
        return about_ids
    kept = [doubt for doubt in of_sides if doubt.refused or doubt.kind != IN_ORDER or not about_ids]
    return [*kept, *about_ids]


def _doubts_about_ids(readings: Readings, cases: Sequence[Checked], answered: bool) -> list[Doubt]:
    asked = readings.asked.score(readings.pairs)
    scored = [(reading, reading.score(readings.pairs)) for reading in readings.others()]
    best = _best(scored)
    apart = readings.found and not answered and (_apart(readings) or _mixed(readings, cases))
    if best is not None and not apart:
        # Ids that only one side has, on both sides, are the sign of a dialect that a gain confirms.
        proves = _likely if readings.found and _extra(readings) and _missing(readings) else _certain
        certain = [entry for entry in scored if proves(entry[1], asked) or _certain(entry[1], asked)]
        known = _best([entry for entry in certain if entry[0].known or _extra(readings)])
        if known is not None:
            return [_as_doubt(readings, cases, asked, known, refused=not answered)]
        # An order of ids that is no known one may as well be what a network mixes up.
        likely = [entry for entry in scored if entry[0].known and _likely(entry[1], asked)]
        suggested = _best([*certain, *likely])
        if suggested is not None:
            return [_as_doubt(readings, cases, asked, suggested, refused=False)]
    if apart:
        return [_as_doubt(readings, cases, asked, best, refused=True)]
    extra, missing = _extra(readings), _missing(readings)
    if readings.found and not answered and extra and missing:
        labeled = sum(readings.predicted.values())
        share = sum(readings.predicted[i] for i in extra) / labeled
        return [
            Doubt(
                f"the predictions hold {ranges(extra)} at {percent(share)} of the labeled pixels, which no mask "
                f"holds, the masks {ranges(missing)}, which is never predicted: each is taken for a class of its own "
                f"({files_of(cases, lambda case: bool(case.predicted & extra))}); if a side is stored another way, "
                "--prediction_map '{PREDICTED: MASK}' says so",
                refused=False,
            )
        ]
    return []


def _apart(readings: Readings) -> bool:
    """Recognize ids of two kinds: as many classes but other ids, or no id in common."""
    own, predicted = set(readings.own), _predicted(readings)
    if not own or not predicted or own == predicted or len(own) == len(predicted) == 1:
        return False
    return len(own) == len(predicted) or not own & predicted


def _mixed(readings: Readings, cases: Sequence[Checked]) -> bool:
    """Recognize a foreground that is 1 in some predictions and 255 in others."""
    if readings.own not in ([0, 1], [0, 255]) or set(readings.predicted) != {0, 1, 255}:
        return False
    return not any({1, 255} <= case.predicted for case in cases)


def _predicted(readings: Readings) -> set[int]:
    """The ids of classes in the predictions."""
    found = set(readings.predicted)
    return found if found == {0, 255} else found - ({255, 65535} - set(readings.own))


def _extra(readings: Readings) -> set[int]:
    """The ids of classes that only the predictions hold; with a class table those that it does not have."""
    if not readings.found:
        return set(readings.predicted) - set(readings.asked.predictions)
    return _predicted(readings) - set(readings.own)


def _missing(readings: Readings) -> set[int]:
    """The ids of classes that only the masks hold."""
    return set(readings.own) - _predicted(readings)


def _certain(other: Agreement, asked: Agreement) -> bool:
    """Tell that another reading is the right one beyond doubt."""
    if other.labeled < FEWEST_PIXELS:
        return False
    complete = other.unread == 0
    if complete and asked.unread >= 0.5 * asked.labeled > 0:
        return True
    if complete and asked.unread >= READ * asked.labeled > 0 and _likely(other, asked):
        return True
    if other.kappa < CONVINCING:
        return False
    return asked.kappa <= LEFT * other.kappa or (complete and asked.labeled < 0.5 * other.labeled)


def _likely(other: Agreement, asked: Agreement) -> bool:
    """Tell that another reading is worth a word."""
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
        where = files_of(cases, lambda case: bool(case.predicted & _extra(readings)))
        lines = [f"{holds}, and nothing says how they belong together ({where})"]
        advice = ["say it with --prediction_map '{PREDICTED: MASK, …}' or a class table (--classes)"]
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
        where = files_of(cases, lambda case: bool(case.truth & truth or case.predicted & predictions), kind)
        lines = [
            holds,
            f"as they stand, {percent(asked.accuracy)} of the labeled pixels agree (mIoU {percent(asked.miou)}"
            + (f"; {percent(asked.unread / asked.labeled)} have no class in the predictions)" if asked.unread else ")"),
            f"read {reading.name}, {percent(score.accuracy)} agree (mIoU {percent(score.miou)})",
            f"the two differ at {percent(changed / max(score.labeled, 1))} of the labeled pixels, in {where}",
        ]
        advice = [f"add to the command: {reading.settings}"]
    if not refused:
        return Doubt("; ".join([*lines, f"if that is how they are stored, {advice[0]}"]), refused=False)
    advice.append("or, if the ids are meant as they stand: --prediction_ids stored")
    title = "the ids of masks and predictions do not go together, so that scores would be wrong"
    return Doubt("\n  ".join([title, *lines, *(f"what to do: {line}" for line in advice)]), refused=True)
