"""Findings about ids that are unlabeled by default, and may be a class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hardpix.data.classes import ClassTable
from hardpix.data.errors import Problem
from hardpix.data.labels import HIGHEST_ID, gray_levels
from hardpix.data.mask_facts import MaskFacts, held, listed, pixels_of
from hardpix.data.remedies import either, label_map

ONE_CLASS = "one class beside unlabeled pixels"
WITHOUT_PIXELS = "class without a pixel beside unlabeled ones"

# With more classes than this, a class that a folder lacks is no sign that another id stands for it.
FEW_CLASSES = 3

# Shares of the pixels: unlabeled by default, said as a doubt; without a class, taken for a class that is missing.
MUCH_UNLABELED = 0.4
MOST_WITHOUT_CLASS = 0.3


def settled(classes: ClassTable, training: Sequence[MaskFacts]) -> ClassTable:
    """The table for masks that come after a training: unlabeled is no guess where training masks had the id, too.

    Masks that hold every class and the id beside them have been trained on with it as unlabeled. With many classes, one
    that later masks lack is no sign that the id stands for it.

    Args:
        classes: of the training.
        training: its masks.

    Example:
        >>> table, masks = ClassTable.from_names(["a", "b"]), [MaskFacts(Path("m.png"), {0: 5, 1: 2, 255: 3})]
        >>> table.assumed_ids, settled(table, masks).assumed_ids, settled(table, []).assumed_ids
        ((255,), (), (255,))
    """
    total = pixels_of(training)
    complete = set(range(len(classes))) <= {classes.index_of(label) for label in total}
    known = {i for i in classes.assumed_ids if len(classes) > FEW_CLASSES or (complete and i in total)}
    left = [i for i in classes.assumed_ids if i not in known]
    return replace(classes, assumed_ids=tuple(left)) if known else classes


def one_class_beside_unlabeled(
    masks: Path, files: Sequence[MaskFacts], classes: ClassTable | None, option: str
) -> Problem | None:
    """A single id that could be a class, beside 255, which is unlabeled by default: most likely two classes."""
    total = pixels_of(files)
    ids = {label for label in total if isinstance(label, int)}
    white = ids & {255, HIGHEST_ID}
    if classes is not None or len(ids) != len(total) or len(ids - white) != 1 or not white or gray_levels(ids):
        return None
    (other,) = ids - white
    return Problem(
        ONE_CLASS,
        masks,
        "at least two classes",
        f"{other}, and {held(white, files, masks)}, which is unlabeled by default",
        f"if it is a class, say {label_map({other: 0} | dict.fromkeys(white, 1), option)}; else label a second class",
        whole_folder=True,
    )


def class_without_pixels(
    masks: Path, files: Sequence[MaskFacts], classes: ClassTable | None, option: str
) -> Problem | None:
    """A class that no mask has, while an id that is unlabeled by default may stand for it."""
    if classes is None or classes.threshold is not None:
        return None
    total = pixels_of(files)
    seen = {classes.index_of(label) for label in total}
    missing = [index for index in range(len(classes)) if index not in seen]
    assumed = [i for i in classes.assumed_ids if i in total]
    share = sum(total[i] for i in assumed) / max(1, sum(total.values()))
    if not missing or not assumed or (len(classes) > FEW_CLASSES and share < MOST_WITHOUT_CLASS):
        return None
    if None in seen:
        return None  # said in the list of ids that no class has
    names = ", ".join(classes.names[index] for index in missing)
    known: dict[int, int | str] = {i: index for index, ids in enumerate(classes.ids) for i in ids}
    unlabeled = known | dict.fromkeys(assumed, "ignore")
    present = {i: index for i, index in known.items() if index not in missing}
    as_class = present | dict.fromkeys(assumed, missing[0]) | {classes.ids[k][0]: k for k in missing[1:]}
    advice = either(as_class, unlabeled, f"{listed(assumed)} ({classes.names[missing[0]]})", option, classes)
    return Problem(
        WITHOUT_PIXELS,
        masks,
        f"masks that hold {names}",
        f"none, while {held(assumed, files, masks)} and is unlabeled only by default",
        advice,
        whole_folder=True,
    )


def much_unlabeled(masks: Path, files: Sequence[MaskFacts], classes: ClassTable | None, option: str) -> Problem | None:
    """A doubt: a large share of the pixels is unlabeled, and only by default."""
    total = pixels_of(files)
    ids = {label for label in total if isinstance(label, int)}
    table = classes or (ClassTable.from_ids(ids) if ids - {255, HIGHEST_ID} else None)
    if table is None or len(ids) != len(total):
        return None
    # Masks that are unlabeled throughout are listed one by one.
    files = [file for file in files if any(table.index_of(label) != -1 for label in file.labels)]
    total = pixels_of(files)
    assumed = [i for i in table.assumed_ids if i in total]
    if not assumed or sum(total[i] for i in assumed) < MUCH_UNLABELED * sum(total.values()):
        return None
    known: dict[int, int | str] = {i: index for index, entry in enumerate(table.ids) for i in entry}
    as_class, unlabeled = (known | dict.fromkeys(assumed, index) for index in (len(table), "ignore"))
    advice = either(as_class, unlabeled, listed(assumed), option, classes)
    found = f"{held(assumed, files, masks)} and is unlabeled by default"
    expected = "few pixels that nobody said are unlabeled"
    return Problem("many unlabeled pixels", masks, expected, found, advice, whole_folder=True)
