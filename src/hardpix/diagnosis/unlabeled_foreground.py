"""Recognition of masks in which 255 is a class while it is taken for unlabeled."""

from __future__ import annotations

from collections.abc import Sequence

from hardpix.diagnosis.checking import Checked
from hardpix.diagnosis.doubt import CONVINCING, Doubt, files_of, percent
from hardpix.diagnosis.readings import Reading, Readings


def unlabeled_foreground_doubt(readings: Readings, cases: Sequence[Checked]) -> Doubt | None:
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
    where = files_of(cases, lambda case: 255 in case.truth, "truth")
    return Doubt(
        "255 in the masks is taken for unlabeled, and seems to be a class\n  "
        f"it stands at {percent(share)} of the pixels, in {where}\n  "
        f"read {reading.name}, {percent(score.accuracy)} of the pixels agree (mIoU {percent(score.miou)})\n  "
        f"what to do: add to the command: {settings}\n  "
        "what to do: or, if 255 is unlabeled: --prediction-ids stored",
        refused=True,
    )
