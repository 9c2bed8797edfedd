"""The line that says how many pixels are unlabeled, and by which ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from hardpix.data.classes import ClassTable
from hardpix.data.errors import Problem
from hardpix.data.labels import Label
from hardpix.data.mask_facts import MaskFacts, pixels_of
from hardpix.data.problems import ranges
from hardpix.pixels.percent import percent

SHOWN = 3


def unlabeled_pixels(files: Sequence[MaskFacts], classes: ClassTable) -> dict[Label, int]:
    """Number of pixels of each label that stands for no class, the most frequent first.

    Example:
        >>> unlabeled_pixels([MaskFacts(Path("a.png"), {0: 5, 1: 2, 255: 3})], ClassTable.from_names(["a", "b"]))
        {255: 3}
    """
    found = {label: count for label, count in pixels_of(files).items() if classes.index_of(label) == -1}
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def unlabeled_line(parts: Mapping[str, Sequence[MaskFacts]], classes: ClassTable) -> str:
    """Says the share of unlabeled pixels of each part in one line; empty where none is.

    Args:
        parts: name of a part of the data → its masks.
        classes: how they are read.

    Example:
        >>> files = [MaskFacts(Path("a.png"), {0: 5, 1: 2, 255: 3})]
        >>> unlabeled_line({"training": files}, ClassTable.from_names(["a", "b"]))
        'Unlabeled by default: 30 % of the training pixels (255).'
        >>> clicks = [MaskFacts(Path("a.png"), {0: 5, 1: 7, 255: 99_988})]
        >>> unlabeled_line({"": clicks}, ClassTable.from_names(["a", "b"]))
        'Unlabeled by default: 99.988 % of the pixels (255).'
    """
    shares: list[str] = []
    labels: dict[Label, None] = {}
    for name, files in parts.items():
        found = unlabeled_pixels(files, classes)
        whole = sum(file.pixels for file in files)
        of = f"{name} pixels" if name else "pixels"
        shares.append(f"{percent(sum(found.values()) / max(1, whole))} of the {of}")
        labels |= dict.fromkeys(found)
    if not labels:
        return ""
    more = f" and {len(labels) - SHOWN} more" if len(labels) > SHOWN else ""
    named = ", ".join(map(str, list(labels)[:SHOWN])) + more
    default = " by default" if set(labels) <= set(classes.assumed_ids) else ""
    return f"Unlabeled{default}: {', '.join(shares)} ({named})."


def ids_that_never_occur(
    masks: Path, parts: Mapping[str, Sequence[MaskFacts]], label_map: Mapping[int, int | str]
) -> Problem | None:
    """The doubt that no mask holds an id that a label map gives to a class, which may be a slip of the pen.

    An id to ignore need not occur: "255: ignore" says what 255 would mean.

    Example:
        >>> files = [MaskFacts(Path("a.png"), {0: 5, 1: 2})]
        >>> ids_that_never_occur(Path("m"), {"": files}, {0: 0, 1: 1, 7: 1}).found
        'no pixel of 7; the masks hold 0–1'
    """
    seen = set[int]().union(*(file.ids for files in parts.values() for file in files))
    never = sorted({int(i) for i, index in label_map.items() if index != "ignore"} - seen)
    if not never:
        return None
    found = f"no pixel of {ranges(never)}; the masks hold {ranges(seen)}"
    return Problem("id of the label map that never occurs", masks, "every id", found, "check the label map")
