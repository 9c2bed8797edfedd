"""Reading every file before the work starts: the ids that occur together, and what cannot be used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from hardpix.data import DataError, Problem
from hardpix.data.labels import HIGHEST_ID, count_labels, gray_as_ids
from hardpix.data.mask_facts import MaskFacts
from hardpix.data.problems import colors_without_table, too_many_labels
from hardpix.diagnosis.agreement import Pairs, sum_pairs
from hardpix.diagnosis.file_pairs import NEEDED, ImageFiles
from hardpix.diagnosis.probability_counts import ProbabilityCounts
from hardpix.diagnosis.readers import Reader, size_problem

# More different ids in one mask than any data set has classes.
MOST_LABELS = 1000
# Pairs of ids that are kept for one case; a case with more is read again where they are needed.
MOST_PAIRS = 1024


@dataclass(frozen=True)
class Checked:
    """A case as far as it can be used.

    Attributes:
        case: the files that can be used.
        problems: why it cannot be used at all; empty where it can.
        truth: ids in the mask.
        predicted: ids in the prediction.
        pairs: counts of the pairs of ids; None where there are too many to keep.
        facts: of the mask and of the prediction, by which it can be told how they are meant; empty where they could
            not be read.
    """

    case: ImageFiles
    problems: tuple[Problem, ...] = ()
    truth: frozenset[int] = frozenset()
    predicted: frozenset[int] = frozenset()
    pairs: Pairs | None = None
    facts: tuple[MaskFacts, ...] = ()


@dataclass(frozen=True)
class CheckedPart:
    """Some cases, their pairs of ids together, and counts of their probabilities where the classes are known."""

    cases: list[Checked]
    pairs: Pairs
    probabilities: ProbabilityCounts


def check_cases(cases: Sequence[ImageFiles], reader: Reader) -> CheckedPart:
    """Read truth and prediction of each case, probabilities where classes are known, and the heads of other files."""
    probabilities = ProbabilityCounts()
    found = [_check(case, reader, probabilities) for case in cases]
    kept = [
        entry if entry.pairs is None or len(entry.pairs) <= MOST_PAIRS else replace(entry, pairs=None)
        for entry in found
    ]
    return CheckedPart(kept, sum_pairs(entry.pairs for entry in found if entry.pairs is not None), probabilities)


def _check(case: ImageFiles, reader: Reader, probabilities: ProbabilityCounts) -> Checked:
    try:
        stored = reader.load(case)
    except DataError as error:
        return Checked(case, error.problems)
    problems: list[Problem] = []
    if reader.truth.classes is None:
        for kind, side, values in zip(NEEDED, (reader.truth, reader.predictions), stored, strict=True):
            if side.levels is not None:
                continue
            path, labels = case.files[kind], gray_as_ids(values)
            # Ids of 8 bits cannot be too many, and to count them takes time.
            if labels.ndim == 3 or labels.max() > 255:
                counts = count_labels(labels)
                if len(counts) > MOST_LABELS:
                    problems.append(_too_many(too_many_labels(path, counts), kind, int(labels.max())))
                elif labels.ndim == 3:
                    problems.append(colors_without_table(path, counts, "--"))
        if problems:
            return Checked(case, tuple(problems))
    pairs = reader.pairs(*stored)
    if reader.truth.classes is not None:
        problems = reader.label_problems(case, pairs, stored)
    for kind in [kind for kind in case.files if kind not in NEEDED]:
        size, limit = (stored[0].shape[0], stored[0].shape[1]), reader.image_format.max_pixels
        if problem := size_problem(case, kind, size, max_pixels=limit):
            case = case.without(kind, problem)
    if "probabilities" in case.files and reader.truth.classes is not None and not problems:
        probabilities.add_case(case, reader, *(codes for codes, _ in reader.codes(stored)))
    truth, predicted = pairs.of_truth, pairs.of_predictions
    facts = (
        reader.truth.facts(case.files["truth"], stored[0], truth),
        reader.predictions.facts(case.files["predictions"], stored[1], predicted),
    )
    return Checked(case, tuple(problems), frozenset(truth), frozenset(predicted), pairs, facts)


def _too_many(problem: Problem, kind: str, highest: int) -> Problem:
    """Gray levels of 16 bits are often a score that was stored for want of classes."""
    setting = "--prediction_threshold" if kind == "predictions" else "--truth_threshold"
    half = (HIGHEST_ID + 1) // 2 if highest > HIGHEST_ID // 2 else (highest + 1) // 2
    return replace(problem, advice=f"{problem.advice}; if it is a score of one class, say {setting} {half}")


def with_label_problems(checked: Iterable[Checked], reader: Reader) -> Iterator[Checked]:
    """The same cases, checked against classes that were found in them."""
    for entry in checked:
        try:
            if entry.problems or entry.pairs is None:
                # Colors are said in the words of the class table, now that there is one.
                reader.labels(entry.case)
                yield entry
            else:
                yield replace(entry, problems=tuple(reader.label_problems(entry.case, entry.pairs)))
        except DataError as error:
            yield replace(entry, problems=error.problems)


class PairTotal:
    """Pairs of ids summed over parts, in time that grows with their number alone."""

    def __init__(self) -> None:
        self._waiting: list[Pairs] = []
        self._sizes = 0

    def add(self, pairs: Pairs) -> None:
        """The pairs of the next part."""
        self._waiting.append(pairs)
        self._sizes += len(pairs)
        if len(self._waiting) > 1 and self._sizes - len(self._waiting[0]) > max(1 << 16, len(self._waiting[0])):
            self._waiting = [sum_pairs(self._waiting)]
            self._sizes = len(self._waiting[0])

    @cached_property
    def pairs(self) -> Pairs:
        """The sum of all parts."""
        return sum_pairs(self._waiting)
