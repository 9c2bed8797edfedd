"""Findings about the palettes that mask files store: they may contradict each other, or the class table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from hardpix.data.classes import ClassTable
from hardpix.data.errors import Problem
from hardpix.data.mask_facts import MaskFacts, named, share_of
from hardpix.data.palette import Colour


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
    first = {index: (color, "the training") for index, color in (classes.palette_seen if classes else ())}
    other: dict[MaskFacts, list[int]] = {}
    for file in files:
        for index, color in file.palette.items():
            if first.setdefault(index, (color, named([file], masks)))[0] != color:
                other.setdefault(file, []).append(index)
    if not other:
        return None
    (example, indices), *_ = other.items()
    color, where = first[indices[0]]
    pixels = sum(file.labels[index] for file, wrong in other.items() for index in wrong)
    return Problem(
        "palettes that contradict each other",
        masks,
        f"index {indices[0]} in the color {color} in all masks, as in {where}",
        f"{example.palette[indices[0]]} in {named([example], masks)}; such indices hold {share_of(pixels, files)} of "
        f"the pixels, in {len(other)} of {len(files)} masks ({named(list(other), masks)})",
        f"say {option}palette colors, alone or with a class file that has colours, and the colors are read in place of "
        "the indices",
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
    kind = "palette that contradicts the class table"
    advice = f"say {option}palette colors to read the colors of the palette; or correct the ids or colours of the table"
    return Problem(kind, masks, EXPECTED, _said(masks, files, classes, wrong), advice, whole_folder=True)


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
    kind = "palette with colors that the class table lacks"
    advice = "nothing if the ids of the class table are right; else correct them"
    return Problem(kind, masks, EXPECTED, _said(masks, files, classes, strange), advice, whole_folder=True)


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
        f"indices hold {share_of(pixels, files)} of the pixels, in {len(found)} of {len(files)} masks "
        f"({named(list(found), masks)})"
    )


def _name(classes: ClassTable, index: int | None) -> str:
    return "no class" if index is None else "unlabeled pixels" if index < 0 else classes.names[index]
