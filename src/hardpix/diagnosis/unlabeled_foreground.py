"""Recognition of masks in which 255 is a class while it is taken for unlabeled."""

from __future__ import annotations

from collections.abc import Sequence

from hardpix.data.labels import gray_levels
from hardpix.data.remedies import label_map
from hardpix.diagnosis.checking import Checked
from hardpix.diagnosis.doubt import CONVINCING, Doubt, files_of, percent
from hardpix.diagnosis.readings import Reading, Readings


def unlabeled_foreground_doubt(readings: Readings, cases: Sequence[Checked]) -> Doubt | None:
    """Masks in which 255 seems to be a class, while it is taken for unlabeled."""
    ids = set(readings.pairs.of_truth)
    if not readings.found:
        return _white_left_out(readings, cases)
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


def _white_left_out(readings: Readings, cases: Sequence[Checked]) -> Doubt | None:
    """Evenly spread gray levels of which a class table names all but white, as hardpix fit refuses them."""
    counts = readings.pairs.of_truth
    white, table = max(counts), readings.table
    if len(counts) < 3 or not gray_levels(counts) or white not in table.assumed_ids:
        return None
    known: dict[int, int | str] = {i: index for index, entry in enumerate(table.ids) for i in entry}
    if not set(counts) - {white} <= known.keys():
        return None
    mapping = label_map(known | {white: len(table)}, "--").replace("label_map", "label-map")
    where = files_of(cases, lambda case: white in case.truth, "truth")
    return Doubt(
        f"{white} in the masks is the white of evenly spread gray levels, and has no class\n  "
        f"it stands at {percent(counts[white] / sum(counts.values()))} of the pixels, in {where}\n  "
        f"what to do: give {mapping}, with one more name of a class\n  "
        f"what to do: or, if {white} is unlabeled: --prediction-ids stored",
        refused=True,
    )
