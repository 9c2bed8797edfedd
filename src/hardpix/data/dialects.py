"""Findings about the ids in a folder of masks: one number that means two things, or one thing written as two numbers.

Each function looks for one thing, in the ids of every file, and returns it as a problem of the whole folder, or None.
Doubts are such problems that do not forbid to go on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from hardpix.data.classes import ClassTable
from hardpix.data.errors import Problem
from hardpix.data.labels import HIGHEST_ID, gray_levels
from hardpix.data.mask_facts import Findings, MaskFacts, named, pixels_of, share_of
from hardpix.data.mask_palettes import colors_of_no_class, colors_of_other_classes, palettes_that_contradict
from hardpix.data.remedies import either, label_map
from hardpix.data.thresholds import across_the_threshold, soft_edges

# The number of one foreground class, by how many bits a drawing program stores: 1, 2, 4, 8 or 16.
WHITES = (1, 3, 15, 255, HIGHEST_ID)

# With more classes than this, a class that a folder lacks is no sign that another id stands for it.
FEW_CLASSES = 3

# Shares of the pixels: unlabeled by default, said as a doubt; without a class, taken for a class that is missing.
MUCH_UNLABELED = 0.4
MOST_WITHOUT_CLASS = 0.3


def find_dialects(
    masks: Path, files: Sequence[MaskFacts], classes: ClassTable | None = None, *, option: str = "--data."
) -> Findings:
    """Everything that makes it doubtful how a folder of masks is meant.

    Args:
        masks: the folder.
        files: the facts of its masks, as `mask_facts` gives them.
        classes: how they are to be read; None takes the ids found.
        option: what the options of the command begin with that the messages name.

    Example:
        >>> files = [MaskFacts(Path("a.png"), {0: 5, 1: 3}), MaskFacts(Path("b.png"), {0: 6, 255: 2})]
        >>> find_dialects(Path("masks"), files).problems[0].found
        '1 in 1 mask (a.png; 18.8 % of the pixels), 255 in 1 mask (b.png; 12.5 % of the pixels), never both in one'
    """
    problems = [problem for look in PROBLEMS if (problem := look(masks, files, classes, option))]
    doubts = [doubt for look in DOUBTS if (doubt := look(masks, files, classes, option))]
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
    held = [(white, [file for file in files if white in file.labels]) for white in whites]
    found = ", ".join(
        f"{white} in {len(having)} mask{'s' if len(having) != 1 else ''} ({named(having, masks)}; "
        f"{share_of(total[white], files)} of the pixels)"
        for white, having in held
    )
    back = 0 if classes is None else classes.index_of(0)
    back = 0 if back is None or back < 0 else back
    kept = asked or whites[:1]
    one_class: dict[int, int | str] = {0: back} | dict.fromkeys(whites, 1 - back)
    others: dict[int, int | str] = dict.fromkeys((white for white in whites if white not in kept), "ignore")
    return Problem(
        "one class written as two ids",
        masks,
        "one id for the foreground in all masks",
        f"{found}, never both in one",
        either(one_class, one_class | others, _listed([white for white in whites if white not in kept]), option),
        whole_folder=True,
    )


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
        "one class beside unlabeled pixels",
        masks,
        "at least two classes",
        f"{other}, and {_held(white, total, files)}, which is unlabeled by default",
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
    if two_whites(masks, files, classes, option) is not None or None in seen:
        return None  # said there, or in the list of ids that no class has
    names = ", ".join(classes.names[index] for index in missing)
    known: dict[int, int | str] = {i: index for index, ids in enumerate(classes.ids) for i in ids}
    unlabeled = known | dict.fromkeys(assumed, "ignore")
    present = {i: index for i, index in known.items() if index not in missing}
    as_class = present | dict.fromkeys(assumed, missing[0]) | {classes.ids[k][0]: k for k in missing[1:]}
    advice = either(as_class, unlabeled, f"{_listed(assumed)} ({classes.names[missing[0]]})", option)
    return Problem(
        "class without a pixel beside unlabeled ones",
        masks,
        f"masks that hold {names}",
        f"none, while {_held(assumed, total, files)} and is unlabeled only by default",
        advice,
        whole_folder=True,
    )


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
    return Problem(
        "gray levels of which white has no class",
        masks,
        "a class for each gray level, or a word that white is unlabeled",
        f"{_held([white], total, files)} and is unlabeled only by default",
        either(known | {white: len(classes)}, known | {white: "ignore"}, str(white), option),
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
        f"classes of evenly spread gray levels ({_listed(ids)})",
        f"{_held(ids[-1:], total, files)}",
        f"nothing if it is a class; if it is unlabeled, say {label_map(unlabeled | {ids[-1]: 'ignore'}, option)}",
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
    advice = either(
        known | dict.fromkeys(assumed, len(table)), known | dict.fromkeys(assumed, "ignore"), _listed(assumed), option
    )
    found = f"{_held(assumed, total, files)} and is unlabeled by default"
    expected = "few pixels that nobody said are unlabeled"
    return Problem("many unlabeled pixels", masks, expected, found, advice, whole_folder=True)


def _assumed(label: int, classes: ClassTable | None) -> bool:
    """Whether it is a guess what an id means: unlabeled by default, or in no table."""
    if classes is None:
        return label in (255, HIGHEST_ID)
    return label in classes.assumed_ids or classes.index_of(label) is None


def _held(ids: Sequence[int] | set[int], total: Mapping, files: Sequence[MaskFacts]) -> str:
    having = [file for file in files if not file.ids.isdisjoint(ids)]
    share = share_of(sum(total[i] for i in ids), files)
    return f"{_listed(sorted(ids))} holds {share} of the pixels in {len(having)} of {len(files)} masks"


def _listed(ids: Sequence[int]) -> str:
    return ", ".join(map(str, ids))


PROBLEMS = (
    soft_edges,
    across_the_threshold,
    two_whites,
    one_class_beside_unlabeled,
    class_without_pixels,
    white_without_class,
    palettes_that_contradict,
    colors_of_other_classes,
)
DOUBTS = (white_as_class, much_unlabeled, colors_of_no_class)
