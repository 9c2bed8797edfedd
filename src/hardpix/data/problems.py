"""Faults of masks, in words."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from hardpix.data.classes import ClassTable
from hardpix.data.errors import Problem
from hardpix.data.labels import HIGHEST_ID, Label
from hardpix.data.palette_reading import colors_are_known
from hardpix.data.remedies import MOST_MAPPED, label_map, named_map

NEVER_OCCURS = "class that never occurs"


def wrong_size(path: Path, expected: Sequence[int], found: Sequence[int]) -> Problem:
    """A map that has not the size of its image."""
    return Problem(
        "map of another size than its image",
        path,
        f"{expected[0]}×{expected[1]} (height × width)",
        f"{found[0]}×{found[1]}",
        "export it at the image's size; if the sides are swapped, the image is turned by its EXIF orientation",
    )


def unknown_labels(
    path: Path,
    classes: ClassTable,
    unknown: Mapping[Label, int],
    strangers: Collection[int] = (),
    option: str = "--data.",
    *,
    in_question: bool = False,
) -> Problem:
    """A mask with labels that the class table does not have.

    Args:
        path: of the mask.
        classes: the table.
        unknown: labels of the mask that the table lacks → pixels.
        strangers: ids of all masks that the table lacks, for the label map that has them all; none is said without.
        option: what the options of the command begin with that the message names.
        in_question: another finding doubts the table as a whole, and has the advice.
    """
    first = sorted(unknown.items(), key=lambda item: -item[1])[:8]
    found = ", ".join(f"{label} ({count} pixels)" for label, count in first) + (" …" if len(unknown) > 8 else "")
    if any(isinstance(label, tuple) for label in unknown):
        expected = f"the colours of {len(classes)} classes or of ignore_colours"
        advice = "add the colours to the class table or to ignore_colours"
        if classes.learned:
            advice = "save the mask with the ids or the colours of the run's classes"
        if not classes.colours:
            expected = f"ids {ranges(i for entry in classes.ids for i in entry)}, for the class table has no colours"
            advice = "save the mask as ids"
            if not classes.learned:
                advice = f"either {advice}; or give a class file with the colour of each class, as {option}classes"
            if colors_are_known(classes):
                advice = f"say {option}palette colors, and colors are read as the palettes of the training show them"
        elif all(isinstance(label, tuple) and len(set(label)) == 1 for label in unknown):
            leave = "" if classes.learned else "leave the colours out of the class table, or "
            advice += f"; if these are ids, {leave}save the mask with one channel"
        return Problem("colour outside the classes", path, expected, found, advice)
    ids = np.array([i for entry in classes.ids for i in entry])
    expected = f"ids {ranges(ids)}" + (f", or {ranges(classes.ignore_ids)} to ignore" if classes.ignore_ids else "")
    advice = IN_QUESTION if in_question else _for_strangers(classes, strangers, option)
    return Problem("id outside the classes", path, expected, found, advice)


IN_QUESTION = "what the finding about all masks says"


def _for_strangers(classes: ClassTable, strangers: Collection[int], option: str) -> str:
    """Advice on ids that no class has, in masks that have the classes."""
    known: dict[int, int | str] = {i: index for index, entry in enumerate(classes.ids) for i in entry}
    ignored = set(strangers) | (set(classes.ignore_ids) - set(classes.assumed_ids))
    mapping = known | dict.fromkeys(ignored, "ignore")
    way = f"say {label_map(mapping, option)}" if strangers and len(mapping) <= MOST_MAPPED else "map them to ignore"
    if _white_may_be_unlabeled(classes, strangers):
        (stranger,), (white,) = strangers, classes.ids[1]
        other = mapping | {stranger: 1, white: "ignore"}
        return "; ".join(named_map(each, classes.names, option) for each in (mapping, other))
    if classes.learned:
        return f"if they are unlabeled, {way}; if they are classes of the run, say so in {option}label_map"
    return (
        f"either write them in the class file, under a class or under ignore_ids; or, without such a file, {way}, "
        "if they are unlabeled"
    )


def _white_may_be_unlabeled(classes: ClassTable, strangers: Collection[int]) -> bool:
    """True where 0 and white are two classes, and a third number may be one of them beside an unlabeled white."""
    return classes.ids in (((0,), (255,)), ((0,), (HIGHEST_ID,))) and len(strangers) == 1


def colours_without_table(path: Path, labels: Iterable[Label], option: str = "--data.") -> Problem:
    """Fault of a mask of colors when no table says what they mean."""
    labels = list(labels)
    shown = ", ".join(map(str, labels[:12])) + (" …" if len(labels) > 12 else "")
    advice = f"write a class table with the name, id and colour of each class, and give the file as {option}classes"
    return Problem(
        "colours without a table", path, "ids, or a table of colours", f"{len(labels)} colours: {shown}", advice
    )


def ids_among_colors(path: Path, labels: Iterable[Label], option: str = "--data.") -> Problem:
    """A mask of ids where classes were to be found by their colors."""
    found = f"ids {ranges(label for label in labels if isinstance(label, int))}"
    advice = f"write a class table with the name, id and colour of each class, and give the file as {option}classes"
    return Problem("ids among masks of colors", path, "colors of a palette, or RGB", found, advice)


def too_many_labels(path: Path, labels: Mapping[Label, int]) -> Problem:
    """A file with more different labels than there can be classes."""
    if any(isinstance(label, tuple) for label in labels):
        found = f"{len(labels)} colours, as a photograph has"
        advice = "give the folder of the masks; if this is one, export it without antialiasing, as png"
    else:
        found = f"{len(labels)} different ids, as a map of depth has"
        advice = "give the folder of the masks; if these are the ids of single objects, export classes instead"
    return Problem("file that is no mask", path, "classes", found, advice)


def class_list_problems(
    masks: Path,
    classes: ClassTable | None,
    labels: Mapping[str, Mapping[Label, int]],
    ignore_index: int,
    option: str = "--data.",
) -> tuple[list[Problem], list[Problem]]:
    """Faults and doubts of a class list (None: none was given or found) against all masks."""
    kind = "class list that contradicts the masks"
    found = {label for counts in labels.values() for label in counts}
    ids = {label for label in found if isinstance(label, int)}
    in_masks = f"ids {ranges(ids)}" if ids else f"{len(found)} colours"
    if classes is None:
        if ids:
            return [Problem(kind, masks, "labels", f"{in_masks} alone, which is unlabelled", "check the masks")], []
        return [], []
    seen = {classes.index_of(label) for label in found}
    missing = [name for index, name in enumerate(classes.names) if index not in seen]
    problems, warnings = [], []
    if missing and (None in seen or len(missing) == len(classes)):
        of_classes = f"{len(classes)} classes of ids {ranges(i for entry in classes.ids for i in entry)}"
        advice = _for_another_table(classes, _in_order(classes, ids), option)
        never = f"{in_masks}; never: {', '.join(missing)}"
        problems.append(Problem(kind, masks, of_classes, never, advice, whole_folder=_another_table(classes, labels)))
    elif None in seen and ids == set(range(len(classes) + 1)) and (in_order := _in_order(classes, ids)):
        advice = _for_one_more(classes, in_order, ids, option)
        seen_ids = f"{in_masks}, one more"
        problems.append(Problem(kind, masks, f"{len(classes)} classes", seen_ids, advice, whole_folder=True))
    elif missing:
        advice = "check the class table; a class without a pixel cannot be learned"
        warnings.append(Problem(NEVER_OCCURS, masks, "every class", f"no {', '.join(missing)}", advice))
    if len(classes) < 2:
        advice = "check the masks: with one class there is nothing to tell apart"
        found_one = f"{classes.names[0]} alone ({in_masks})"
        problems.append(Problem(kind, masks, "at least two classes", found_one, advice, whole_folder=True))
    if 0 <= ignore_index < len(classes):
        problems.append(_ignored_class(masks, classes, ignore_index, option))
    return problems, warnings + [
        Problem("mask without a label", masks / stem, "labelled pixels", "none", "remove it, or label it")
        for stem, counts in labels.items()
        if all(classes.index_of(label) == -1 for label in counts)
    ]


def _for_another_table(classes: ClassTable, in_order: Mapping[int, int | str], option: str) -> str:
    """Advice where classes are missing and other ids are there; `in_order` may be empty."""
    mapped = named_map(in_order, classes.names, option) if 0 < len(in_order) <= MOST_MAPPED else ""
    if classes.learned:
        first = [f"{name} is {number}" for number, name in enumerate(classes.names[:5])]
        known = ", ".join(first) + (" …" if len(classes) > len(first) else "")
        return f"{mapped}{'; else ' if mapped else ''}say by {option}label_map which id has which number ({known})"
    given = "correct the ids of the class table, or give the table that belongs to these masks"
    return f"{mapped}; else {given}" if mapped else given


def _for_one_more(classes: ClassTable, in_order: Mapping[int, int | str], ids: Collection[int], option: str) -> str:
    """Advice where every class is there, and one more number; `in_order` leaves 0 unlabeled."""
    known: dict[int, int | str] = {i: index for index, entry in enumerate(classes.ids) for i in entry}
    stranger = next(i for i in ids if classes.index_of(i) is None)
    ways = {0: in_order, stranger: known | {stranger: "ignore"}}
    said = [
        f"if {i} is unlabeled, say "
        + (label_map(way, option) if len(way) <= MOST_MAPPED else f"so by {option}label_map, which has every id")
        for i, way in ways.items()
    ]
    return "; ".join([*said, "the run has no further class" if classes.learned else "else name one more class"])


def _ignored_class(masks: Path, classes: ClassTable, ignore_index: int, option: str) -> Problem:
    """An ignore_index that is the number of a class, whose pixels would be left out while it is still predicted."""
    if len(classes) > HIGHEST_OF_8_BITS:
        expected = f"at most {ignore_index} classes, because ignore_index is {ignore_index}"
        advice = "if these are the ids of single objects, export classes instead; else choose a negative ignore_index"
        return Problem("class list that contradicts the masks", masks, expected, f"{len(classes)} classes", advice)
    name = classes.names[ignore_index]
    kept = [ids for k, ids in enumerate(classes.ids) if k != ignore_index]
    mapping: dict[int, int | str] = {i: k for k, ids in enumerate(kept) for i in ids}
    mapping |= dict.fromkeys(classes.ids[ignore_index], "ignore")
    advice = "leave ignore_index out, which marks unlabeled pixels inside hardpix alone"
    if len(kept) > 1 and len(mapping) <= MOST_MAPPED and classes.threshold is None and not classes.by_color:
        advice += f"; if {name} is unlabeled in the masks, say {label_map(mapping, option)}"
    found = f"{ignore_index}, the number of {name}"
    return Problem("ignore_index that is a class", masks, "an ignore_index that is no class", found, advice)


HIGHEST_OF_8_BITS = 255

# With as few classes as these, or with as large a share of unknown pixels, the table is one of other masks.
FEW_CLASSES, MOST_UNKNOWN = 3, 0.3


def _another_table(classes: ClassTable, labels: Mapping[str, Mapping[Label, int]]) -> bool:
    """True where missing classes and unknown labels call the whole table into question."""
    total = sum(sum(counts.values()) for counts in labels.values())
    unknown = sum(n for counts in labels.values() for label, n in counts.items() if classes.index_of(label) is None)
    return len(classes) <= FEW_CLASSES or unknown >= MOST_UNKNOWN * total


def _in_order(classes: ClassTable, ids: set[int]) -> dict[int, int | str]:
    """A label map that takes the ids found for the classes in their order, perhaps after an unlabeled 0."""
    found = sorted(ids - set(classes.ignore_ids))
    unlabeled: dict[int, int | str] = dict.fromkeys(sorted(ids & set(classes.ignore_ids)), "ignore")
    if len(found) == len(classes) + 1 and found[0] == 0:
        unlabeled[found.pop(0)] = "ignore"
    return {**{i: k for k, i in enumerate(found)}, **unlabeled} if len(found) == len(classes) else {}


def ranges(ids: Iterable[int]) -> str:
    """Numbers as runs.

    Example:
        >>> ranges([0, 1, 2, 5, 8, 9])
        '0–2, 5, 8–9'
    """
    runs: list[list[int]] = []
    for i in sorted(int(i) for i in ids):
        if runs and i == runs[-1][1] + 1:
            runs[-1][1] = i
        else:
            runs.append([i, i])
    return ", ".join(str(a) if a == b else f"{a}–{b}" for a, b in runs)
