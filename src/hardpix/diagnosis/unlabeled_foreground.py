"""Evidence of the predictions where 255 in the masks is taken for unlabeled, and may be a class."""

from __future__ import annotations

from dataclasses import dataclass

from hardpix.data import Problem
from hardpix.data.dialects import TWO_WHITES
from hardpix.data.unlabeled_classes import ONE_CLASS, WITHOUT_PIXELS
from hardpix.diagnosis.doubt import CONVINCING
from hardpix.diagnosis.readings import Reading, Readings
from hardpix.pixels.percent import percent


@dataclass(frozen=True)
class Evidence:
    """Evidence beside a problem of the masks.

    Attributes:
        title: of the message.
        agreement: of the two sides with 255 as a class, in words; empty where it tells nothing.
        settings: the words of the command line that read it so.
    """

    title: str
    agreement: str = ""
    settings: str = ""


def evidence_of(problem: Problem, readings: Readings) -> Evidence | None:
    """Evidence of the predictions on a problem of the masks; None where they say nothing."""
    if problem.kind == WITHOUT_PIXELS:
        return _missing_class(readings)
    reading = _with_white(readings) if problem.kind in (TWO_WHITES, ONE_CLASS) else None
    if reading is None:
        return None
    # Where 1 and 255 are one class, what is 1 is read right already.
    doubtful = readings.pairs.where(readings.pairs.truth != 1) if 0 in readings.pairs.of_truth else readings.pairs
    if not reading.score(doubtful).kappa >= CONVINCING:
        return None
    score = reading.score(readings.pairs)
    return Evidence(
        "255 in the masks is taken for unlabeled, and seems to be a class",
        f"read {reading.name}, {percent(score.accuracy)} of the pixels agree (mIoU {percent(score.miou)})",
        reading.settings,
    )


def _with_white(readings: Readings) -> Reading | None:
    """The reading of 1 and 255 that fits predictions of two classes."""
    ids, predicted = set(readings.pairs.of_truth), set(readings.pairs.of_predictions)
    of_predictions = {0: 0, 1: 1, 255: 1}
    if not readings.found:
        return None
    if ids == {1, 255} and predicted <= {0, 1}:
        settings, meaning = "--label_map '{255: 0, 1: 1}' --prediction_ids index", {1: 1, 255: 0}
    elif ids == {0, 1, 255} and predicted <= {0, 1, 255}:
        settings, meaning = "--label_map '{0: 0, 1: 1, 255: 1}'", {0: 0, 1: 1, 255: 1}
    else:
        return None
    return Reading(settings, "with 255 as a class", meaning, of_predictions)


def _missing_class(readings: Readings) -> Evidence:
    """The classes that no mask holds, and how much the predictions have of them where the masks are unlabeled."""
    counts, table = readings.pairs.of_truth, readings.table
    missing = sorted(set(range(len(table))) - set(readings.asked.truth.values()))
    white = {i for i in table.assumed_ids if i in counts}
    share = sum(counts[i] for i in white) / sum(counts.values())
    there = sum(n for t, p, n in readings.pairs if t in white and readings.predictions.index_of(p) in missing)
    return Evidence(
        f"no mask holds {', '.join(table.names[k] for k in missing)}, while {', '.join(map(str, sorted(white)))} holds "
        f"{percent(share)} of the pixels, of which the predictions have such a class at "
        f"{percent(there / sum(counts[i] for i in white))}"
    )
