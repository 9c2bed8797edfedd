"""All files of a diagnosis read once: what they hold, what cannot be used, and what is in doubt."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from hardpix.data import ClassTable, DataError, ImageFormat, Problem, describe
from hardpix.data.class_source import with_ignored
from hardpix.data.remedies import with_own_settings
from hardpix.diagnosis.agreement import Pairs
from hardpix.diagnosis.checks import Checked, PairTotal, check_cases, with_label_problems
from hardpix.diagnosis.doubts import find_doubts
from hardpix.diagnosis.file_pairs import ImageFiles, Inputs
from hardpix.diagnosis.parallel import in_chunks, worker_count
from hardpix.diagnosis.probability_counts import ProbabilityCounts
from hardpix.diagnosis.readers import Reader
from hardpix.diagnosis.readings import Readings
from hardpix.diagnosis.settings import Settings
from hardpix.diagnosis.side_settings import Sides


@dataclass(frozen=True)
class Asked:
    """The files to diagnose, and the way in which they are read and counted.

    Attributes:
        inputs: the folders.
        sides: how the ids of masks and predictions are stored.
        image_format: how images are read.
        table: the classes; found in the files if None.
        ignore_index: the id of unlabeled pixels where classes are found; None for the usual ones.
        settings: from the names of the classes, how wrong pixels are counted.
        workers: processes; None for as many as there are cores.
        options: names of the command's options, in whose words problems advise.
    """

    inputs: Inputs
    sides: Sides
    image_format: ImageFormat
    table: ClassTable | None
    ignore_index: int | None
    settings: Callable[[Sequence[str]], Settings]
    workers: int | None
    options: Collection[str]

    def own(self, problems: Iterable[Problem]) -> list[Problem]:
        """Problems whose advice names the options of the command."""
        return [with_own_settings(problem, self.options) for problem in problems]


@dataclass(frozen=True)
class Examined:
    """The cases that can be used, and everything that is said of the files before wrong pixels are counted.

    Attributes:
        cases: those that can be used.
        total: the number of masks, used or not.
        table: the classes.
        found_classes: true where they were found in the files.
        reader: reads the cases.
        settings: how wrong pixels are counted.
        workers: processes.
        probabilities: counts of them; of nothing where classes were found.
        doubts: how the files may be meant otherwise, in sentences.
        left_out: why images are left out.
        unused: what is missing or not used, while no image is left out for it.
    """

    cases: list[ImageFiles]
    total: int
    table: ClassTable
    found_classes: bool
    reader: Reader
    settings: Settings
    workers: int
    probabilities: ProbabilityCounts
    doubts: list[str]
    left_out: list[Problem]
    unused: list[Problem]


def examine(asked: Asked) -> Examined:
    """Pair the files, read all of them, and find classes and doubts.

    Raises:
        DataError: nothing is left to diagnose, or it would be a guess how the files are meant.
        ValueError, FileNotFoundError: settings that cannot be used, or a folder that is not there.
    """
    cases, *unpaired = asked.inputs.pair()
    lost, alone = map(asked.own, unpaired)
    total = asked.inputs.count()
    if not cases:
        raise _nothing_left(asked.inputs, [*lost, *alone])
    workers = worker_count(len(cases), asked.workers)
    if asked.table is not None:
        settings = asked.settings(asked.table.names)
    images = [case.files["images"] for case in cases if "images" in case.files]
    reader = asked.sides.reader(asked.table, asked.image_format.measured(images))
    checked, pairs, probabilities = _checked(cases, reader, workers)
    table = asked.table
    if table is None:
        table = _table_of(asked, checked, pairs)
        settings = asked.settings(table.names)
        asked.sides.require_indices(pairs, table)
        reader = asked.sides.with_table(reader, table)
    readings = Readings(pairs, table, reader.truth, reader.predictions, asked.table is None)
    doubts = find_doubts(readings, checked, asked.sides.answered)
    if refused := [doubt.text for doubt in doubts if doubt.refused]:
        raise DataError("\n".join(refused))
    if asked.table is None:
        checked = list(with_label_problems(checked, reader))
    cases = [entry.case for entry in checked if not entry.problems]
    lost += asked.own(problem for entry in checked for problem in entry.problems)
    if not cases:
        title = f"nothing is left to diagnose: no pair of mask and prediction of {total} can be used"
        raise DataError(f"{title}\n{describe([*lost, *alone])}", [*lost, *alone])
    unused = [*asked.own(problem for case in cases for problem in case.problems), *alone]
    return Examined(
        cases=cases,
        total=total,
        table=table,
        found_classes=asked.table is None,
        reader=reader,
        settings=settings,
        workers=workers,
        probabilities=probabilities,
        doubts=[doubt.text for doubt in doubts],
        left_out=lost,
        unused=unused,
    )


def _checked(
    cases: Sequence[ImageFiles], reader: Reader, workers: int
) -> tuple[list[Checked], Pairs, ProbabilityCounts]:
    """Every case as far as it can be used, how often ids occur together, and counts of the probabilities."""
    checked: list[Checked] = []
    total, probabilities = PairTotal(), ProbabilityCounts()
    for part in in_chunks(partial(check_cases, reader=reader), cases, workers, "checking"):
        checked += part.cases
        total.add(part.pairs)
        probabilities.add(part.probabilities)
    return checked, total.pairs, probabilities


def _table_of(asked: Asked, checked: Sequence[Checked], pairs: Pairs) -> ClassTable:
    """The classes that the files hold."""
    if all(entry.problems for entry in checked):
        raise DataError.of([problem for entry in checked for problem in entry.problems])
    table = asked.sides.classes_in(pairs)
    return table if asked.ignore_index is None else with_ignored(table, asked.ignore_index)


def _nothing_left(inputs: Inputs, problems: Sequence[Problem]) -> DataError:
    examples = f"such as {inputs.example('truth')} and {inputs.example('predictions')}"
    title = (
        f"nothing is left to diagnose: expected masks and predictions of the same names, {examples}; endings that "
        "differ are named by --truth_suffix and --prediction_suffix"
        + "".join(
            f"; files of the masks' names are in {' and '.join(map(str, folders))} (for --{kind})"
            for kind, folders in inputs.nested().items()
        )
    )
    return DataError(f"{title}\n{describe(problems)}" if problems else title, problems)
