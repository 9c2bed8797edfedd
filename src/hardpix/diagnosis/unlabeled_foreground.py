"""Recognition of masks in which 255 is a class while it is taken for unlabeled."""

from __future__ import annotations

from collections.abc import Sequence

from hardpix.data.labels import gray_levels
from hardpix.data.remedies import label_map
from hardpix.data.unlabeled_classes import FEW_CLASSES, MOST_WITHOUT_CLASS
from hardpix.diagnosis.checking import Checked
from hardpix.diagnosis.doubt import CONVINCING, Doubt, files_of, percent
from hardpix.diagnosis.readings import Reading, Readings


def unlabeled_foreground_doubt(readings: Readings, cases: Sequence[Checked]) -> Doubt | None:
    """Masks in which 255 seems to be a class, while it is taken for unlabeled."""
    ids = set(readings.pairs.of_truth)
    if not readings.found:
        return _white_left_out(readings, cases) or _class_left_out(readings, cases) or _below_threshold(readings, cases)
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
    counts, table = readings.pairs.of_truth, readings.table
    if len(counts) < 3 or not gray_levels(counts) or (white := max(counts)) not in table.assumed_ids:
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


def _class_left_out(readings: Readings, cases: Sequence[Checked]) -> Doubt | None:
    """A class of the table without a pixel in the masks, while an id holds some that nobody said to be unlabeled."""
    counts, table = readings.pairs.of_truth, readings.table
    assumed = [i for i in table.assumed_ids if i in counts]
    seen = {readings.truth.index_of(i) for i in counts}
    missing = [index for index in range(len(table)) if index not in seen]
    # Masks without any class are said to have no label.
    if not assumed or not missing or len(missing) == len(table):
        return None
    share = sum(counts[i] for i in assumed) / sum(counts.values())
    if len(table) > FEW_CLASSES and share < MOST_WITHOUT_CLASS:
        return None
    held, names = ", ".join(map(str, assumed)), ", ".join(table.names[index] for index in missing)
    known: dict[int, int | str] = {i: index for index, entry in enumerate(table.ids) for i in entry if i in counts}
    mapping = label_map(known | {assumed[0]: missing[0]}, "--").replace("label_map", "label-map")
    where = files_of(cases, lambda case: bool(case.truth & set(assumed)), "truth")
    advice = f"give {mapping} with the names of the classes" if len(missing) == 1 else "correct the ids of the classes"
    return Doubt(
        f"no mask holds {names}, while {held} holds {percent(share)} of the pixels, in {where}, and is unlabeled only "
        f"by default\n  what to do: if it is a class, {advice}\n  "
        "what to do: or, if it is unlabeled: --prediction-ids stored",
        refused=True,
    )


def _below_threshold(readings: Readings, cases: Sequence[Checked]) -> Doubt | None:
    """Predictions of 0 and 1 under a class table whose threshold is for masks of black and white."""
    threshold, predicted = readings.predictions.table.threshold, set(readings.pairs.of_predictions)
    if threshold is None or readings.predictions.threshold is not None:
        return None
    if not 0 < max(predicted, default=0) < min(threshold, 16):
        return None
    share = sum(n for i, n in readings.pairs.of_predictions.items() if i) / sum(readings.pairs.of_predictions.values())
    where = files_of(cases, lambda case: max(case.predicted, default=0) > 0)
    return Doubt(
        f"the predictions hold ids up to {max(predicted)} alone, below the threshold {threshold} of the class table\n"
        f"  {percent(share)} of the pixels are not 0, in {where}\n"
        "  what to do: add to the command: --prediction-ids index\n"
        "  what to do: or, if the ids are meant as they stand: --prediction-ids stored",
        refused=True,
    )
