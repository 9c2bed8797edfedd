"""Doubts about each side of a diagnosis by itself: those that `find_dialects` has about the masks of a training.

The other side adds evidence: where masks are in doubt, the predictions may tell what is meant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os.path import commonpath
from pathlib import Path

from hardpix.data import ClassTable, Problem
from hardpix.data.class_source import with_ignored
from hardpix.data.dialects import find_dialects
from hardpix.data.labels import HIGHEST_ID
from hardpix.data.mask_facts import MaskFacts
from hardpix.data.mask_palettes import CONTRADICT, CONTRADICT_TABLE, OF_NO_CLASS
from hardpix.data.table_order import KIND as IN_ORDER
from hardpix.diagnosis.checks import Checked
from hardpix.diagnosis.doubt import Doubt
from hardpix.diagnosis.file_pairs import NEEDED
from hardpix.diagnosis.readings import Readings
from hardpix.diagnosis.sides import SideReader
from hardpix.diagnosis.unlabeled_foreground import evidence_of

COLORS = "add to the command a class file with palette: colors and the color of each class, as --classes"
IDS = "if the indices are right and the colors mean nothing, with palette: ids in the class file"
# Settings that `hardpix diagnose` has under other names, or for each side.
ADVICE = {
    CONTRADICT: f"if the colors are right, {COLORS}; {IDS}",
    CONTRADICT_TABLE: f"if the colors are right, {COLORS}; {IDS}; or correct the ids or colors of the table",
    OF_NO_CLASS: f"nothing if the ids of the class table are right; {IDS}",
    IN_ORDER: "add to the command: --truth_ids index",
}


@dataclass(frozen=True)
class SideDoubt(Doubt):
    """A doubt about one side, and the kind of its problem."""

    kind: str


def side_doubts(readings: Readings, cases: Sequence[Checked], *, refused: bool) -> Iterator[SideDoubt]:
    """Doubts about the masks, then about the predictions.

    Args:
        readings: the way in which the sides are read.
        cases: the files.
        refused: what would be refused in a training is refused; else it is said.
    """
    for number, (kind, side) in enumerate(zip(NEEDED, (readings.truth, readings.predictions), strict=True)):
        files: list[MaskFacts] = [case.facts[number] for case in cases if case.facts]
        if not files:
            continue
        folder = Path(commonpath([file.path.parent for file in files]))
        predicted = kind == "predictions"
        table = _judged_by(readings, side, predicted=predicted)
        found = find_dialects(folder, files, table, option="--", predicted=predicted)
        for problem in found.problems:
            yield _doubt(problem, readings, refused=refused, predicted=predicted)
        for warning in found.warnings:
            yield SideDoubt(_said(warning, predicted=predicted), refused=False, kind=warning.kind)


def _judged_by(readings: Readings, side: SideReader, *, predicted: bool) -> ClassTable | None:
    """The table that the files of a side should hold; None where the classes are those found."""
    if side.levels is not None:
        return side.levels
    if not readings.found:
        return None if side.renamed else side.table
    # With ids that the user wants to ignore, what is found in the masks is a table all the same.
    ignored = set(readings.table.ignore_ids) - set(readings.table.assumed_ids)
    ids = {i for i in readings.pairs.of_truth if i <= HIGHEST_ID}
    if predicted or not ignored or not ids - ignored - {255, HIGHEST_ID}:
        return None
    table = ClassTable.from_ids(ids)
    for i in sorted(ignored):
        table = with_ignored(table, i)
    return table


def _doubt(problem: Problem, readings: Readings, *, refused: bool, predicted: bool) -> SideDoubt:
    evidence = None if predicted else evidence_of(problem, readings)
    if not refused:
        return SideDoubt(_said(problem, predicted=predicted), refused=False, kind=problem.kind)
    lines = [problem.kind if evidence is None else evidence.title]
    lines.append(f"{problem.where}: expected {problem.expected}, found {problem.found}")
    advice = _advice(problem, predicted=predicted)
    if evidence is not None and evidence.settings:
        lines.append(evidence.agreement)
        advice = f"add to the command: {evidence.settings}"
    lines += [f"what to do: {advice}", "what to do: or, if the ids are meant as they stand: --prediction_ids stored"]
    return SideDoubt("\n  ".join(lines), refused=True, kind=problem.kind)


def _said(problem: Problem, *, predicted: bool) -> str:
    what = f"{problem.where}: expected {problem.expected}, found {problem.found}"
    return f"{problem.kind}; {what}; {_advice(problem, predicted=predicted)}"


def _advice(problem: Problem, *, predicted: bool) -> str:
    """The advice with the settings of `hardpix diagnose`, which has a threshold for each side."""
    advice = ADVICE.get(problem.kind, problem.advice)
    return advice.replace("--threshold", "--prediction_threshold" if predicted else "--truth_threshold")
