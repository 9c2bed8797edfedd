"""What is looked at before the work starts: every file, and which classes there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hardpix.data import ClassTable, DataError, Problem
from hardpix.data.labels import HIGHEST_ID, count_labels, grey_as_ids
from hardpix.data.limits import MAX_PIXELS
from hardpix.data.masks import read_mask
from hardpix.data.problems import colours_without_table, too_many_labels
from hardpix.diagnosis.inputs import NEEDED, Case
from hardpix.diagnosis.reading import Reader, size_problem

# More different ids in one mask than any data set has classes.
MOST_LABELS = 1000


@dataclass(frozen=True)
class Checked:
    """A case as far as it can be used, or None and why it cannot be used at all."""

    case: Case | None
    problems: tuple[Problem, ...] = ()


def check_cases(cases: Sequence[Case], reader: Reader) -> list[Checked]:
    """Read truth and prediction of each case, and the heads of its other files."""
    return [_check(case, reader) for case in cases]


def _check(case: Case, reader: Reader) -> Checked:
    try:
        truth, _ = reader.labels(case)
    except DataError as error:
        return Checked(None, error.problems)
    for kind in [kind for kind in case.files if kind not in NEEDED]:
        limit = reader.image_format.max_pixels
        if problem := size_problem(case, kind, (truth.shape[0], truth.shape[1]), max_pixels=limit):
            case = case.without(kind, problem)
    return Checked(case)


@dataclass(frozen=True)
class FoundLabels:
    """The ids in truth and prediction of a case, and the files without: they hold colours, or cannot be read."""

    ids: frozenset[int] = frozenset()
    problems: tuple[Problem, ...] = ()


def find_labels(cases: Sequence[Case], max_pixels: int = MAX_PIXELS) -> list[FoundLabels]:
    """Which ids there are, case by case."""
    return [_labels(case, max_pixels) for case in cases]


def _labels(case: Case, max_pixels: int) -> FoundLabels:
    ids: set[int] = set()
    problems: list[Problem] = []
    for path in (case.files[kind] for kind in NEEDED):
        try:
            labels = count_labels(grey_as_ids(read_mask(path, max_pixels=max_pixels)))
        except DataError as error:
            problems += error.problems
            continue
        if len(labels) > MOST_LABELS:
            problems.append(too_many_labels(path, labels))
        elif any(isinstance(label, tuple) for label in labels):
            problems.append(colours_without_table(path, labels))
        else:
            ids |= {label for label in labels if isinstance(label, int)}
    return FoundLabels(frozenset(ids), tuple(problems))


def classes_of(found: Sequence[FoundLabels]) -> ClassTable:
    """The classes named after the ids of the cases whose two files have some; the others are left to the check.

    Raises:
        DataError: there is no such case.
    """
    ids = frozenset[int]().union(*(labels.ids for labels in found if not labels.problems))
    if not ids:
        raise DataError.of([problem for labels in found for problem in labels.problems])
    if ids <= {255, HIGHEST_ID}:
        raise DataError("expected ids of classes in masks and predictions, found 255 alone, which is unlabelled")
    return ClassTable.from_ids(ids)
