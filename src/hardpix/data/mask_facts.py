"""The facts of one mask by which it can be told how it is meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hardpix.data.classes import ClassTable
from hardpix.data.errors import Problem
from hardpix.data.file_forms import file_form
from hardpix.data.labels import Label, count_labels, gray_as_ids
from hardpix.data.palette import Color
from hardpix.data.soft_edges import between_black_and_white
from hardpix.pixels.percent import percent

MOST_NAMED = 3


@dataclass(frozen=True, eq=False)
class MaskFacts:
    """The labels of one mask file, as stored.

    Attributes:
        path: of the file.
        labels: how many pixels each id or color has.
        form: file type, channels and bits in words.
        palette: the colors that a palette file shows for the indices that it uses; empty where they say nothing, as
            grays do, or where the user has said so.
        soft: how many pixels are grays along edges between black and white.
        size: height and width.
    """

    path: Path
    labels: Mapping[Label, int]
    form: str = ""
    palette: Mapping[int, Color] = field(default_factory=dict)
    soft: int = 0
    size: tuple[int, int] = (0, 0)

    @property
    def ids(self) -> set[int]:
        """The ids that occur."""
        return {label for label in self.labels if isinstance(label, int)}

    @property
    def pixels(self) -> int:
        """Number of pixels of the mask."""
        return sum(self.labels.values())


def mask_facts(
    path: Path,
    stored: np.ndarray,
    classes: ClassTable | None = None,
    *,
    palette: str | None = None,
    labels: Mapping[Label, int] | None = None,
) -> MaskFacts:
    """The facts of a mask that was read.

    Args:
        path: of the file.
        stored: as `read_mask` gives it.
        classes: how its labels are read; None takes gray as ids.
        palette: without classes, "colors" where `stored` has the colors of a palette, "ids" where its colors mean
            nothing.
        labels: how many pixels each id or color has, where they have been counted.

    Example:
        >>> mask_facts(Path("a.png"), np.array([[0, 0, 1, 255]])).labels
        {0: 2, 1: 1, 255: 1}
    """
    palette = classes.palette if classes else palette
    if labels is None:
        ids_or_colors = stored if palette == "colors" else gray_as_ids(stored)
        labels = classes.count(stored) if classes else count_labels(ids_or_colors)
    form, soft = file_form(path), between_black_and_white(gray_as_ids(stored), labels)
    shown = {} if palette == "ids" else form.shown(labels)
    return MaskFacts(path, labels, form.name, shown, soft, (stored.shape[0], stored.shape[1]))


@dataclass(frozen=True)
class Findings:
    """Findings about a folder of masks: what forbids to read them, and what is said."""

    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


def pixels_of(files: Iterable[MaskFacts]) -> dict[Label, int]:
    """Number of pixels of each label in all files."""
    total: dict[Label, int] = {}
    for file in files:
        for label, count in file.labels.items():
            total[label] = total.get(label, 0) + count
    return total


def percent_of(part: int, files: Iterable[MaskFacts]) -> str:
    """A number of pixels as a share of those of all files, such as "12.3 %"; what is not 0 is not written as 0."""
    whole = sum(file.pixels for file in files)
    return percent(part / whole if whole else 0.0)


def named(files: Iterable[MaskFacts], masks: Path) -> str:
    """The first files in words, and how many more there are.

    Example:
        >>> named([MaskFacts(Path(f"m/{k}.png"), {}) for k in range(5)], Path("m"))
        '0.png, 1.png, 2.png and 2 more'
    """
    every = [file.path for file in files]
    first = [str(path.relative_to(masks) if path.is_relative_to(masks) else path) for path in every[:MOST_NAMED]]
    more = f" and {len(every) - MOST_NAMED} more" if len(every) > MOST_NAMED else ""
    return ", ".join(first) + more


def held(ids: Iterable[int], files: Sequence[MaskFacts], masks: Path) -> str:
    """Some ids, the share of the pixels that they hold, and the masks that have them, in words.

    Example:
        >>> held([255], [MaskFacts(Path("m/a.png"), {0: 3, 255: 1}), MaskFacts(Path("m/b.png"), {0: 4})], Path("m"))
        '255 holds 12.5 % of the pixels in 1 of 2 masks (a.png)'
    """
    ids = sorted(ids)
    having = [file for file in files if not file.ids.isdisjoint(ids)]
    share = percent_of(sum(file.labels.get(i, 0) for file in files for i in ids), files)
    verb = "holds" if len(ids) == 1 else "hold"
    return f"{listed(ids)} {verb} {share} of the pixels in {len(having)} of {len(files)} masks ({named(having, masks)})"


def listed(ids: Iterable[int]) -> str:
    """Ids in words."""
    return ", ".join(map(str, ids))
