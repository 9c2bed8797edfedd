"""Findings about masks whose ids are evenly spread gray levels, such as 0, 128 and 255."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hardpix.data.classes import ClassTable
from hardpix.data.errors import Problem
from hardpix.data.labels import gray_levels
from hardpix.data.mask_facts import MaskFacts, held, listed, pixels_of
from hardpix.data.remedies import MORE_NAMES, either, label_map

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
    advice = either(known | {white: len(classes)}, known | {white: "ignore"}, str(white), option) + MORE_NAMES
    if not ids - {white} <= known.keys():
        # The numbers of named classes are not stored; gray levels in their order may stand for them.
        in_order: dict[int, int | str] = {level: k for k, level in enumerate(sorted(ids))}
        advice = f"say {label_map(in_order, option)}, with {len(ids)} names in this order"
        if len(classes) == len(ids):
            named = ", ".join(f"{level} is {name}" for level, name in zip(sorted(ids), classes.names, strict=True))
            advice += f" (as they are given, {named})"
        unlabeled = label_map(in_order | {white: "ignore"}, option)
        advice += f"; if {white} is unlabeled, say {unlabeled}, with one name less"
    return Problem(
        WHITE_WITHOUT_CLASS,
        masks,
        "a class for each gray level, or a word that white is unlabeled",
        f"{held([white], files, masks)} and is unlabeled only by default",
        advice,
        whole_folder=True,
    )


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
