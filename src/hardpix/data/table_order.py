"""Findings about masks that hold 0, 1, 2 … in the order of a class table whose ids are others, as trainIds do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shlex import quote

from hardpix.data.classes import ClassTable
from hardpix.data.errors import Problem
from hardpix.data.labels import HIGHEST_ID, Label
from hardpix.data.mask_facts import MaskFacts, held, listed, pixels_of
from hardpix.data.remedies import label_map

KIND = "numbers in the order of the class table"
# Below this share of pixels that have a class, the table's ids are in question.
FEW_WITH_A_CLASS = 0.5
WHITES = {255, HIGHEST_ID}


def numbered_in_order(
    masks: Path, files: Sequence[MaskFacts], classes: ClassTable | None, option: str
) -> Problem | None:
    """Masks of which most pixels have no class by the ids of the table, and all have one by its order.

    Example:
        >>> table = ClassTable(["road", "sidewalk", "building"], [7, 8, 11], ignore_ids=range(7))
        >>> numbered_in_order(Path("m"), [MaskFacts(Path("m/a.png"), {0: 5, 1: 1, 2: 2})], table, "--").found
        '0, 1, 2 hold 100 % of the pixels in 1 of 1 masks (a.png) and have no class'
    """
    lost = _without_class(files, classes)
    if classes is None or len(lost) < 2:
        return None
    total = pixels_of(files)
    ids = {label for label in total if isinstance(label, int)} - WHITES
    as_stored = sum(count for label, count in total.items() if _has_class(classes, label))
    of_table = sum(_has_class(classes, i) for i in ids)
    if as_stored >= FEW_WITH_A_CLASS * sum(total.values()) or of_table >= len(ids):
        return None
    return _problem(masks, files, classes, lost, option)


def perhaps_in_order(
    masks: Path, files: Sequence[MaskFacts], classes: ClassTable | None, option: str
) -> Problem | None:
    """A doubt: all numbers from 0 on and no pixel of the last class, while the table leaves 0 out."""
    lost = _without_class(files, classes)
    if classes is None or lost != [0]:
        return None
    ids = {label for label in pixels_of(files) if isinstance(label, int)} - WHITES
    return _problem(masks, files, classes, lost, option) if ids == set(range(len(classes))) else None


def _without_class(files: Sequence[MaskFacts], classes: ClassTable | None) -> list[int]:
    """Ids that are numbers of classes and have no class; none where masks cannot be numbered in the table's order."""
    total = pixels_of(files)
    if classes is None or classes.threshold is not None or any(not isinstance(label, int) for label in total):
        return []
    numbers = range(len(classes))
    ids = {label for label in total if isinstance(label, int)} - WHITES
    if not ids <= set(numbers) or all(number in of for number, of in zip(numbers, classes.ids, strict=True)):
        return []
    return sorted(i for i in ids if not _has_class(classes, i))


def _has_class(classes: ClassTable, label: Label) -> bool:
    index = classes.index_of(label)
    return index is not None and index >= 0


def _problem(masks: Path, files: Sequence[MaskFacts], classes: ClassTable, lost: Sequence[int], option: str) -> Problem:
    first = ", ".join(f"{number} is {name}" for number, name in enumerate(classes.names[:3]))
    names = ", ".join(name if name.replace(" ", "").isalnum() else f'"{name}"' for name in classes.names)
    numbers: dict[int, int | str] = {number: number for number in range(len(classes))}
    way, otherwise = f"{option}classes {quote(f'[{names}]')} in place of the table", "give masks of the table's ids"
    if classes.learned:
        way, otherwise = label_map(numbers, option), "give masks of the ids of the training"
    return Problem(
        KIND,
        masks,
        f"the ids of the class table ({listed([of[0] for of in classes.ids[:3]])} …)",
        f"{held(lost, files, masks)} and have no class" if len(lost) > 1 else f"{held(lost, files, masks)}",
        f"if the masks hold the numbers of the classes in the table's order ({first} …), say {way}; else {otherwise}",
        whole_folder=True,
    )
