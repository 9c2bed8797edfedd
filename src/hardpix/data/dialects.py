"""Findings about the ids in a folder of masks: one number that means two things, or one thing written as two numbers.

Each function looks for one thing, in the ids of every file, and returns it as a problem of the whole folder, or None.
Doubts are such problems that do not forbid to go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hardpix.data.classes import ClassTable
from hardpix.data.errors import Problem
from hardpix.data.gray_classes import white_as_class, white_without_class
from hardpix.data.labels import HIGHEST_ID
from hardpix.data.mask_facts import Findings, MaskFacts, listed, named, percent_of, pixels_of
from hardpix.data.mask_palettes import (
    colors_of_no_class,
    colors_of_other_classes,
    masks_of_made_up_ids,
    palettes_that_contradict,
)
from hardpix.data.remedies import either
from hardpix.data.stray_ids import stray_ids
from hardpix.data.table_order import numbered_in_order, perhaps_in_order
from hardpix.data.thresholds import (
    across_the_threshold,
    below_the_threshold,
    nothing_reaches_the_threshold,
    predictions_below_the_threshold,
    soft_edges,
)
from hardpix.data.unlabeled_classes import class_without_pixels, much_unlabeled, one_class_beside_unlabeled

TWO_WHITES = "one class written as two ids"

# The number of one foreground class, by how many bits a drawing program stores: 1, 2, 4, 8 or 16.
WHITES = (1, 3, 15, 255, HIGHEST_ID)


def find_dialects(
    masks: Path,
    files: Sequence[MaskFacts],
    classes: ClassTable | None = None,
    *,
    option: str = "--data.",
    predicted: bool = False,
) -> Findings:
    """Everything that makes it doubtful how a folder of masks, or of a network's predictions, is meant.

    Args:
        masks: the folder.
        files: the facts of its masks, as `mask_facts` gives them.
        classes: how they are to be read; None takes the ids found.
        option: what the options of the command begin with that the messages name.
        predicted: the files are predictions, of which the classes that they lack say nothing.

    Example:
        >>> files = [MaskFacts(Path("a.png"), {0: 5, 1: 3}), MaskFacts(Path("b.png"), {0: 6, 255: 2})]
        >>> find_dialects(Path("masks"), files).problems[0].found
        '1 in 1 mask (a.png; 18.8 % of the pixels), 255 in 1 mask (b.png; 12.5 % of the pixels), never both in one'
    """
    looks, doubtful = (PROBLEMS_OF_PREDICTIONS, DOUBTS_OF_PREDICTIONS) if predicted else (PROBLEMS, DOUBTS)
    problems = [problem for look in looks if (problem := look(masks, files, classes, option))]
    doubts = [doubt for look in doubtful if (doubt := look(masks, files, classes, option))]
    return Findings(tuple(problems), () if problems else tuple(doubts))


def two_whites(masks: Path, files: Sequence[MaskFacts], classes: ClassTable | None, option: str) -> Problem | None:
    """One foreground class written as 1 in some files, and as 255 (or another white) in others.

    What tells it from unlabeled pixels is that the two never stand in one file.
    """
    if classes is not None and (classes.threshold is not None or len(classes) > 2):
        return None
    total = pixels_of(files)
    whites = [white for white in WHITES if white in total]
    asked = [white for white in whites if not _assumed(white, classes)]
    together = any(len(file.ids.intersection(whites)) > 1 for file in files)
    if not total.keys() <= {0, *whites} or len(whites) < 2 or len(asked) == len(whites) or together:
        return None
    having = [(white, [file for file in files if white in file.labels]) for white in whites]
    found = ", ".join(
        f"{white} in {len(those)} mask{'s' if len(those) != 1 else ''} ({named(those, masks)}; "
        f"{percent_of(total[white], files)} of the pixels)"
        for white, those in having
    )
    back = 0 if classes is None else classes.index_of(0)
    back = 0 if back is None or back < 0 else back
    kept = asked or whites[:1]
    one_class: dict[int, int | str] = {0: back, **dict.fromkeys(whites, 1 - back)}
    others: dict[int, int | str] = dict.fromkeys((white for white in whites if white not in kept), "ignore")
    return Problem(
        TWO_WHITES,
        masks,
        "one id for the foreground in all masks",
        f"{found}, never both in one",
        either(one_class, one_class | others, listed(others), option, classes),
        whole_folder=True,
    )


def white_or_unlabeled(
    masks: Path, files: Sequence[MaskFacts], classes: ClassTable | None, option: str
) -> Problem | None:
    """Two ids of one class, or else an id that may be a class that no mask has."""
    return two_whites(masks, files, classes, option) or class_without_pixels(masks, files, classes, option)


def white_without_foreground(
    masks: Path, files: Sequence[MaskFacts], classes: ClassTable | None, option: str
) -> Problem | None:
    """A doubt: beside masks that tell 1 from 255, which is unlabeled by default, others have 255 alone on black."""
    if classes is not None and classes.threshold is not None:
        return None
    total = pixels_of(files)
    whites = [white for white in WHITES if white in total]
    assumed = [white for white in whites if _assumed(white, classes)]
    others = [white for white in whites if white not in assumed]
    # Masks that are unlabeled throughout are listed one by one.
    alone = [file for file in files if any(file.ids == {0, white} for white in assumed)]
    if len(others) != 1 or not total.keys() <= {0, *whites} or not alone:
        return None
    share = percent_of(sum(file.labels.get(white, 0) for file in alone for white in assumed), files)
    return Problem(
        "masks of black and unlabeled pixels",
        masks,
        f"{listed(assumed)} for unlabeled pixels in all masks",
        f"{listed(assumed)} without {others[0]} in {len(alone)} of {len(files)} masks ({named(alone, masks)}), {share} "
        "of the pixels",
        f"nothing if it is unlabeled there; if it is the foreground there, write {others[0]} in its place",
        whole_folder=True,
    )


def _assumed(label: int, classes: ClassTable | None) -> bool:
    """True for ids whose meaning is a guess: unlabeled by default, or in no table."""
    if classes is None:
        return label in (255, HIGHEST_ID)
    return label in classes.assumed_ids or classes.index_of(label) is None


PROBLEMS = (
    soft_edges,
    across_the_threshold,
    nothing_reaches_the_threshold,
    numbered_in_order,
    white_or_unlabeled,
    one_class_beside_unlabeled,
    white_without_class,
    masks_of_made_up_ids,
    palettes_that_contradict,
    colors_of_other_classes,
)
DOUBTS = (
    stray_ids,
    perhaps_in_order,
    white_as_class,
    white_without_foreground,
    much_unlabeled,
    below_the_threshold,
    colors_of_no_class,
)
PROBLEMS_OF_PREDICTIONS = (predictions_below_the_threshold, palettes_that_contradict, colors_of_other_classes)
DOUBTS_OF_PREDICTIONS = (colors_of_no_class,)
