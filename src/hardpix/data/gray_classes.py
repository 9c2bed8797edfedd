"""Findings about masks whose ids are evenly spread gray levels, such as 0, 128 and 255."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hardpix.data.classes import ClassTable
from hardpix.data.errors import Problem
from hardpix.data.labels import gray_levels
from hardpix.data.mask_facts import MaskFacts, held, listed, pixels_of
from hardpix.data.remedies import either, label_map, meanings, named_map

WHITE_WITHOUT_CLASS = "gray levels of which white has no class"


def white_without_class(
    masks: Path, files: Sequence[MaskFacts], classes: ClassTable | None, option: str
) -> Problem | None:
    """Evenly spread gray levels of which the table names all but white: white is then a class more likely than not."""
    total = pixels_of(files)
    ids = {label for label in total if isinstance(label, int)}
    if classes is None or classes.threshold is not None or len(ids) != len(total) or len(ids) < 3:
        return None
    if not gray_levels(ids) or max(ids) not in classes.assumed_ids:
        return None
    known: dict[int, int | str] = {i: index for index, entry in enumerate(classes.ids) for i in entry}
    white = max(ids)
    advice = either(known | {white: len(classes)}, known | {white: "ignore"}, str(white), option, classes)
    if not ids - {white} <= known.keys():
        # The numbers of named classes are not stored; gray levels in their order may stand for them.
        advice = _in_order(sorted(ids), classes, option)
    return Problem(
        WHITE_WITHOUT_CLASS,
        masks,
        "a class for each gray level, or a word that white is unlabeled",
        f"{held([white], files, masks)} and is unlabeled only by default",
        advice,
        whole_folder=True,
    )


def _in_order(levels: Sequence[int], classes: ClassTable, option: str) -> str:
    """Label maps of gray levels to classes in their order: of all, and of all but one that is unlabeled."""
    unlabeled: list[int | None] = [None, levels[-1], *levels[1:-1]] if len(levels) == 3 else [None, levels[-1]]
    ways: list[str] = []
    for without in unlabeled:
        kept = [level for level in levels if level != without]
        mapping: dict[int, int | str] = {level: k for k, level in enumerate(kept)}
        mapping |= {} if without is None else {without: "ignore"}
        if classes.learned:
            ways += [named_map(mapping, classes.names, option)] if len(kept) == len(classes) else []
            continue
        names = f"with {len(kept)} names in this order"
        if len(kept) == len(classes):
            names += f" (as they are given, {meanings(mapping, classes.names)})"
        condition = "" if without is None else f"if {without} is unlabeled, "
        ways.append(f"{condition}say {label_map(mapping, option)}, {names}")
    return "; ".join(ways) or f"map each gray level to a class of the run, or to ignore, by {option}label_map"


def white_as_class(masks: Path, files: Sequence[MaskFacts], classes: ClassTable | None, option: str) -> Problem | None:
    """A doubt: three or more evenly spread gray levels, of which white was taken for a class."""
    total = pixels_of(files)
    ids = sorted(label for label in total if isinstance(label, int))
    if classes is not None or len(ids) != len(total) or len(ids) < 3 or not gray_levels(ids):
        return None
    unlabeled: dict[int, int | str] = {i: k for k, i in enumerate(ids[:-1])}
    return Problem(
        "white taken for a class",
        masks,
        f"classes of evenly spread gray levels ({listed(ids)})",
        f"{held(ids[-1:], files, masks)}",
        f"nothing if it is a class; if it is unlabeled, say {label_map(unlabeled | {ids[-1]: 'ignore'}, option)}",
        whole_folder=True,
    )
