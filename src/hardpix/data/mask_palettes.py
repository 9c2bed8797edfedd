"""Findings about the palettes that mask files store: they may contradict each other, or the class table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from hardpix.data.classes import ClassTable
from hardpix.data.errors import Problem
from hardpix.data.mask_facts import MaskFacts, named, percent_of
from hardpix.data.palette import Colour
from hardpix.data.palette_reading import colors_are_known
from hardpix.data.problems import ranges
from hardpix.data.remedies import MOST_MAPPED, label_map

CONTRADICT = "palettes that contradict each other"
CONTRADICT_TABLE = "palette that contradicts the class table"
OF_NO_CLASS = "palette with colors that the class table lacks"


def palettes_that_contradict(
    masks: Path, files: Sequence[MaskFacts], classes: ClassTable | None, option: str
) -> Problem | None:
    """Files that show one index in different colors: the index is then hardly the same class in both.

    Example:
        >>> files = [MaskFacts(Path(f"{name}.png"), {1: 4}, palette={1: color}) for name, color in
        ...          {"a": (255, 0, 0), "b": (0, 255, 0)}.items()]
        >>> palettes_that_contradict(Path("masks"), files, None, "--data.").found
        '(0, 255, 0) in b.png; such indices hold 50 % of the pixels, in 1 of 2 masks (b.png)'
    """
    if classes is not None and classes.by_color:
        return None
    first: dict[int, tuple[Colour, MaskFacts | None]] = {
        index: (color, None) for index, color in (classes.palette_seen if classes else ())
    }
    # Most files of a folder share few palettes, so that each is compared once.
    of_palette: dict[tuple[tuple[int, Colour], ...], list[int]] = {}
    other: dict[MaskFacts, list[int]] = {}
    for file in files:
        shown = tuple(file.palette.items())
        if shown not in of_palette:
            of_palette[shown] = [i for i, color in shown if first.setdefault(i, (color, file))[0] != color]
        if wrong := of_palette[shown]:
            other[file] = wrong
    if not other:
        return None
    (example, indices), *_ = other.items()
    color, source = first[indices[0]]
    where = "the training" if source is None else named([source], masks)
    pixels = sum(file.labels[index] for file, wrong in other.items() for index in wrong)
    return Problem(
        CONTRADICT,
        masks,
        f"index {indices[0]} in the color {color} in all masks, as in {where}",
        f"{example.palette[indices[0]]} in {named([example], masks)}; such indices hold {percent_of(pixels, files)} of "
        f"the pixels, in {len(other)} of {len(files)} masks ({named(list(other), masks)})",
        _colors_or_ids(classes, option),
        whole_folder=True,
    )


def _colors_or_ids(classes: ClassTable | None, option: str) -> str:
    """The two ways to read palettes whose colors contradict, of which that by colors needs the color of each class."""
    by_ids = f"if the indices are right and the colors mean nothing, say {option}palette ids"
    if classes is not None and classes.learned and not colors_are_known(classes):
        return f"{by_ids}; if the colors are right, save the masks with the palette of the training"
    if classes is None or colors_are_known(classes):
        more = ", alone or with a class file that has colours" if classes is None else ""
        return f"if the colors are right, say {option}palette colors{more}; {by_ids}"
    return (
        f"{by_ids}; if the colors are right, they can be read only with a class file that has the colour of each "
        "class, in training too"
    )


def masks_of_made_up_ids(
    masks: Path, files: Sequence[MaskFacts], classes: ClassTable | None, option: str
) -> Problem | None:
    """Masks of ids, where the classes were found by their colors and no id is known.

    Example:
        >>> files = [MaskFacts(Path("a.png"), {0: 3, 1: 1})]
        >>> table = ClassTable.from_colors([(0, 0, 0), (255, 0, 0)])
        >>> masks_of_made_up_ids(Path("masks"), files, table, "--").found
        'ids 0–1 in 1 of 1 masks (a.png), 100 % of the pixels'
    """
    if classes is None or not classes.ids_made_up or not (of_ids := [file for file in files if file.ids]):
        return None
    ids = set[int]().union(*(file.ids for file in of_ids))
    share = percent_of(sum(file.labels[i] for file in of_ids for i in file.ids), files)
    written: dict[int, int | str] = {entry[0]: k for k, entry in enumerate(classes.ids)}
    meant = ", ".join(f"{entry[0]} is {name}" for entry, name in list(zip(classes.ids, classes.names, strict=True))[:3])
    way = f"give a class file with the id and the colour of each class, as {option}classes"
    if classes.learned:
        by_map = label_map(written, option) if len(written) <= MOST_MAPPED else f"so by {option}label_map"
        way = f"if they hold the numbers that hardpix predict writes ({meant} …), say {by_map}"
    return Problem(
        "ids where the classes are known by their colors",
        masks,
        f"the colors by which the classes were found ({', '.join(classes.names[:3])} …)",
        f"ids {ranges(ids)} in {len(of_ids)} of {len(files)} masks ({named(of_ids, masks)}), {share} of the pixels",
        f"either save these masks with the palette of the others; or {way}",
        whole_folder=True,
    )


def colors_by_index(files: Iterable[MaskFacts]) -> dict[int, Colour]:
    """The colors of the indices of all palette files, of which none contradicts another.

    Example:
        >>> colors_by_index([MaskFacts(Path("a.png"), {1: 4}, palette={1: (255, 0, 0)})])
        {1: (255, 0, 0)}
    """
    return {index: color for file in files for index, color in file.palette.items()}


def colors_of_other_classes(
    masks: Path, files: Sequence[MaskFacts], classes: ClassTable | None, option: str
) -> Problem | None:
    """Indices that the class table gives to one class and their palette shows in the color of another.

    Example:
        >>> table = ClassTable(["sky", "road"], [0, 1], [(9, 9, 255), (99, 9, 99)])
        >>> files = [MaskFacts(Path("a.png"), {0: 3, 1: 1}, palette={0: (99, 9, 99), 1: (9, 9, 255)})]
        >>> colors_of_other_classes(Path("masks"), files, table, "--data.").found.partition(";")[0]
        'index 0 (sky) in (99, 9, 99), the color of road, in a.png'
    """
    if classes is None or not classes.colours or classes.by_color:
        return None
    wrong = _where(files, lambda index, color: classes.index_of(color) not in (None, classes.index_of(index)))
    if not wrong:
        return None
    advice = _colors_or_ids(classes, option)
    advice += "" if classes.learned else "; or correct the ids or colours of the table"
    return Problem(CONTRADICT_TABLE, masks, EXPECTED, _said(masks, files, classes, wrong), advice, whole_folder=True)


def colors_of_no_class(
    masks: Path, files: Sequence[MaskFacts], classes: ClassTable | None, option: str
) -> Problem | None:
    """A doubt: indices of a class that their palette shows in a color that the class table lacks."""
    if classes is None or not classes.colours or classes.by_color:
        return None
    strange = _where(
        files, lambda index, color: classes.index_of(color) is None and (classes.index_of(index) or 0) >= 0
    )
    if not strange:
        return None
    correct = "give masks of the ids of the training" if classes.learned else "correct them"
    advice = f"nothing if the ids of the class table are right ({option}palette ids says so); else {correct}"
    return Problem(OF_NO_CLASS, masks, EXPECTED, _said(masks, files, classes, strange), advice, whole_folder=True)


EXPECTED = "palettes that show the colours of the class table"


def _where(files: Sequence[MaskFacts], is_so: Callable[[int, Colour], bool]) -> dict[MaskFacts, list[int]]:
    """The files, and their indices, of which something is so."""
    found = {file: [i for i, color in file.palette.items() if is_so(i, color)] for file in files}
    return {file: indices for file, indices in found.items() if indices}


def _said(masks: Path, files: Sequence[MaskFacts], classes: ClassTable, found: dict[MaskFacts, list[int]]) -> str:
    (file, (index, *_)), *_ = found.items()
    color = file.palette[index]
    meant = classes.index_of(color)
    of = "no color of the table" if meant is None else f"the color of {_name(classes, meant)}"
    pixels = sum(each.labels[i] for each, several in found.items() for i in several)
    return (
        f"index {index} ({_name(classes, classes.index_of(index))}) in {color}, {of}, in {named([file], masks)}; such "
        f"indices hold {percent_of(pixels, files)} of the pixels, in {len(found)} of {len(files)} masks "
        f"({named(list(found), masks)})"
    )


def _name(classes: ClassTable, index: int | None) -> str:
    return "no class" if index is None else "unlabeled pixels" if index < 0 else classes.names[index]
