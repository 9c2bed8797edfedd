"""Reading the masks of one folder, finding their classes, and judging whether they can be read without a guess."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.progress import track

from hardpix.data.classes import ClassTable
from hardpix.data.dialects import find_dialects
from hardpix.data.errors import DataError, Problem
from hardpix.data.gray_classes import WHITE_WITHOUT_CLASS
from hardpix.data.labels import HIGHEST_ID, Label
from hardpix.data.limits import MAX_PIXELS
from hardpix.data.mask_facts import MaskFacts, mask_facts
from hardpix.data.masks import read_mask
from hardpix.data.problems import (
    class_list_problems,
    colors_without_table,
    ids_among_colors,
    too_many_labels,
    unknown_labels,
)
from hardpix.data.room import Room
from hardpix.data.table_order import KIND as IN_ORDER

# More different labels than this in one mask are no classes.
MOST_LABELS = 4096


def read_masks(
    paths: Iterable[Path],
    classes: ClassTable | None = None,
    *,
    palette: str | None = None,
    max_pixels: int = MAX_PIXELS,
    progress: bool = False,
) -> tuple[list[MaskFacts], list[Problem]]:
    """The facts of all masks that can be read, and what is wrong with the others.

    Args:
        paths: of the files.
        classes: how their labels are read; None takes gray as ids.
        palette: without classes, "colors" reads palette files by their colors, "ids" by their indices whatever colors
            they show.
        max_pixels: height × width above which a file is refused by its header.
        progress: show a bar on the terminal.
    """
    every = list(paths)
    facts: list[MaskFacts] = []
    problems: list[Problem] = []

    by_color = classes.by_color if classes else palette == "colors"
    room = Room()

    def read(path: Path) -> MaskFacts | DataError:
        try:
            with room.for_files([path]):
                stored = read_mask(path, by_color=by_color, max_pixels=max_pixels)
                return mask_facts(path, stored, classes, palette=palette)
        except DataError as error:
            return error

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        console = Console(stderr=True)
        reading = pool.map(read, every)
        bar = track(reading, "Reading the masks", len(every), console=console, disable=not progress, transient=True)
        for path, found in zip(every, bar, strict=True):
            if isinstance(found, DataError):
                problems += found.problems
            elif len(found.labels) > MOST_LABELS:
                # Not kept: a folder of photographs or depth maps would fill the memory.
                problems.append(too_many_labels(path, found.labels))
            else:
                facts.append(found)
    return facts, problems


@dataclass(frozen=True)
class Judged:
    """The classes of a folder of masks (None: there are none), what forbids to read it so, and what is doubtful."""

    classes: ClassTable | None
    problems: list[Problem]
    warnings: list[Problem]


def judge_masks(
    folder: Path,
    masks: Mapping[str, MaskFacts],
    classes: ClassTable | None = None,
    ignore_index: int = 255,
    *,
    palette: str | None = None,
    option: str = "--data.",
) -> Judged:
    """Judges whether the masks of a folder can be read without a guess, and with which classes.

    Args:
        folder: of the masks.
        masks: stem → facts.
        classes: what the masks should hold; None takes the ids, or the colors, that are found.
        ignore_index: must be no class.
        palette: without classes, how palette files are read, as for `read_masks`.
        option: what the options of the command begin with that the messages name.

    Example:
        >>> masks = {"a": MaskFacts(Path("a.png"), {0: 5, 3: 2})}
        >>> judge_masks(Path("masks"), masks).classes.names
        ('class 0', 'class 3')
    """
    dialects = find_dialects(folder, tuple(masks.values()), classes, option=option)
    labels = {stem: mask.labels for stem, mask in masks.items()}
    table = classes or _found_classes(labels, palette)
    # Nothing can be said of classes before it is known how the masks are meant.
    of_list: list[Problem] = []
    doubtful: list[Problem] = []
    if not dialects.problems:
        of_list, doubtful = class_list_problems(folder, table, labels, ignore_index, option)
        of_list = [_with_opacity(problem, masks) for problem in of_list]
    # A label map for the ids that no class has would be a guess where the table is in question.
    in_question = any(problem.whole_folder for problem in (*dialects.problems, *of_list))
    # Ids outside the table are no news where the masks hold other numbers altogether.
    other_numbers = any(problem.kind in (IN_ORDER, WHITE_WITHOUT_CLASS) for problem in dialects.problems)
    problems: list[Problem] = []
    if not other_numbers:
        problems = _label_problems(masks, classes, palette == "colors", option, in_question=in_question)
    return Judged(table, [*problems, *of_list, *dialects.problems], [*dialects.warnings, *doubtful])


def _with_opacity(problem: Problem, masks: Mapping[str, MaskFacts]) -> Problem:
    """Advice on masks of one label alone that may have drawn the others in their opacity."""
    clear = [mask for mask in masks.values() if "alpha" in mask.form]
    if not clear or len({label for mask in masks.values() for label in mask.labels}) > 1:
        return problem
    of = f"{len(clear)} of {len(masks)} masks, such as {clear[0].path.name}, have an alpha channel, which is not read"
    return replace(problem, advice=f"{problem.advice}; {of}: if the labels are there, save them as ids")


def classes_in(folder: Path, masks: Iterable[Path], *, max_pixels: int = MAX_PIXELS) -> ClassTable:
    """The classes found by reading masks, as `ClassTable.from_ids` names them.

    Raises:
        DataError: a mask that cannot be read, or that holds colors, whose meaning only a table can tell; ids whose
            meaning would be a guess.
    """
    found, problems = read_masks(masks, max_pixels=max_pixels)
    problems += [colors_without_table(mask.path, mask.labels) for mask in found if len(mask.ids) < len(mask.labels)]
    labels = {str(mask.path): mask.labels for mask in found}
    table = _found_classes(labels)
    if not problems:
        problems += find_dialects(folder, found).problems
    if not problems and table is None:
        problems += class_list_problems(folder, table, labels, ignore_index=-1)[0]
    if problems:
        raise DataError.of(problems)
    assert table is not None
    return table


def _found_classes(labels: Mapping[str, Mapping[Label, int]], palette: str | None = None) -> ClassTable | None:
    found = {label for counts in labels.values() for label in counts}
    if palette == "colors" and (colors := {label for label in found if isinstance(label, tuple)}):
        return ClassTable.from_colors(colors)
    ids = {label for label in found if isinstance(label, int)}
    return replace(ClassTable.from_ids(ids), palette=palette) if ids - {255, HIGHEST_ID} else None


def _label_problems(
    masks: Mapping[str, MaskFacts], asked: ClassTable | None, by_color: bool, option: str, *, in_question: bool
) -> list[Problem]:
    """Masks with labels that no class has, and masks of colors where no table was given."""
    problems = []
    every = set[int]().union(*(mask.ids for mask in masks.values())) if asked and not in_question else set[int]()
    strangers = {i for i in every if asked is not None and asked.index_of(i) is None}
    for mask in masks.values():
        of_colors = any(isinstance(label, tuple) for label in mask.labels)
        if asked is None:
            if of_colors and not by_color:
                problems.append(colors_without_table(mask.path, mask.labels, option))
            elif by_color and not of_colors:
                problems.append(ids_among_colors(mask.path, mask.labels, option))
            continue
        unknown = {label: count for label, count in mask.labels.items() if asked.index_of(label) is None}
        if asked.ids_made_up:  # Ids are said once, for all masks.
            unknown = {label: count for label, count in unknown.items() if isinstance(label, tuple)}
        # Grays along edges are said once, for all masks.
        if unknown and not (mask.soft and asked.threshold is None):
            problems.append(unknown_labels(mask.path, asked, unknown, strangers, option, in_question=in_question))
    return problems
