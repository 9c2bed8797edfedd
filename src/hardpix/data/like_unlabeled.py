"""Classes that look like unlabeled pixels: named so, or lying along the borders of all others.

Labels drawn by hand leave a strip without a class between two things, whatever they are. Its pixels are near borders
more often than others, as those of thin things are; but only such strips lie along every class. Two figures were
measured on some fifty masks each. The first is the share of the pixels within 3 px of a border, as a multiple of that
among all other pixels. The second is the smallest share that an id has of the border of any other class.

- unlabeled pixels of CamVid, training and validation: 3.0 and 4.8 times, 9.7 % and 7.1 %; of NYUv2: 2.0 times, 46 %;
- poles of CamVid: 6 times and more, 1.2 % and 0.0 % (3.4 % without the strips); buildings: below 1 time, 0.6 %;
- classes of generated street scenes of two sizes, and of NYUv2: up to 4 times, less than 0.4 %.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from hardpix.data.classes import ClassTable
from hardpix.data.errors import Problem
from hardpix.data.mask_facts import MaskFacts, pixels_of
from hardpix.data.masks import read_mask
from hardpix.data.remedies import MOST_MAPPED, label_map
from hardpix.pixels import border_band
from hardpix.pixels.percent import percent

LOOKS_UNLABELED = "class that may be meant as unlabeled"
NAMES = re.compile(r"(void|unlabell?ed|ignored?|unknown|undefined|don'?t[ _-]?care)([ _-](class|pixels?|label))?", re.I)

NEAR = 3  # px
MOST_READ = 50
# Between the two figures of unlabeled pixels and those of thin classes, see above.
OFTEN, ALONG_ALL = 1.3, 0.05
# Among fewer, a thin class may well touch all others: vessels, contours of cells.
FEWEST_OTHERS = 4


@dataclass(frozen=True)
class BorderCounts:
    """Counts over some masks, by class: pixels, those of them near a border, and sides that two classes share.

    Example:
        >>> counts = BorderCounts.of(np.array([[0, 0, 1], [0, 0, 2]]), 3)
        >>> counts.pixels.tolist(), counts.sides.tolist()
        ([4, 1, 1], [[0, 1, 1], [1, 0, 1], [1, 1, 0]])
    """

    pixels: np.ndarray
    near: np.ndarray
    sides: np.ndarray

    @classmethod
    def of(cls, index: np.ndarray, count: int) -> BorderCounts:
        """The counts of one map (H, W); whatever is no index of a class is left out, and makes no border."""
        index = np.where(index < count, index, count).astype(np.int64)
        band = border_band(torch.from_numpy(index)[None], NEAR, ignore_index=count)[0].numpy()
        sides = np.zeros((count + 1) ** 2, np.int64)
        for one, other in ((index[:, 1:], index[:, :-1]), (index[1:], index[:-1])):
            sides += np.bincount((one * (count + 1) + other).ravel(), minlength=sides.size)
        both = sides.reshape(count + 1, count + 1)[:count, :count]
        both = both + both.T
        np.fill_diagonal(both, 0)
        pixels, near = (np.bincount(part.ravel(), minlength=count + 1)[:count] for part in (index, index[band]))
        return cls(pixels, near, both)

    def __add__(self, other: BorderCounts) -> BorderCounts:
        return BorderCounts(self.pixels + other.pixels, self.near + other.near, self.sides + other.sides)

    def near_share(self, index: int) -> float:
        """Share of a class's pixels that are near a border."""
        return float(self.near[index] / max(1, self.pixels[index]))

    def near_share_of_others(self, index: int) -> float:
        """The same of all other classes together."""
        others = self.pixels.sum() - self.pixels[index]
        return float((self.near.sum() - self.near[index]) / max(1, others))

    def along_all(self, index: int) -> float:
        """The smallest share that a class has of the border of another one that occurs; 0 where few others do."""
        of_each = self.sides.sum(axis=1)
        others = [k for k in np.flatnonzero(of_each) if k != index]
        if len(others) < FEWEST_OTHERS:
            return 0.0
        return float(min(self.sides[index, k] / of_each[k] for k in others))


def strip_between_all(counts: BorderCounts) -> int | None:
    """The one class that lies along all others, and more often near a border than they do; None where there is none."""
    found = [
        k
        for k in np.flatnonzero(counts.pixels).tolist()
        if counts.along_all(k) >= ALONG_ALL and counts.near_share(k) >= OFTEN * counts.near_share_of_others(k)
    ]
    return found[0] if len(found) == 1 else None


def classes_like_unlabeled(
    masks: Path, files: Sequence[MaskFacts], classes: ClassTable, max_pixels: int, option: str = "--data."
) -> list[Problem]:
    """Doubts about classes that may be meant as unlabeled; nothing is changed by them.

    Args:
        masks: folder of the masks.
        files: the masks that can be read. Borders are looked for in at most 50 of them, evenly spread.
        classes: how they are read.
        max_pixels: of the largest file that is read.
        option: what the command's options of the data begin with.
    """
    if classes.threshold is not None or len(classes) < 2:
        return []
    found = {k: f"{_which(k, classes)} is called so" for k, name in enumerate(classes.names) if NAMES.fullmatch(name)}
    read = files[:: -(-len(files) // MOST_READ) or 1]
    counts = _counted([file.path for file in read], classes, max_pixels)
    strip = None if counts is None else strip_between_all(counts)
    if counts is not None and strip is not None:
        pixels = sum(n for label, n in pixels_of(files).items() if classes.index_of(label) == strip)
        of_masks = "" if len(read) == len(files) else f" in {len(read)} of {len(files)} masks"
        looks = (
            f"{_which(strip, classes)} holds {percent(pixels / sum(file.pixels for file in files))} of the pixels; "
            f"{percent(counts.near_share(strip))} of them are within {NEAR} px of a border{of_masks} "
            f"({percent(counts.near_share_of_others(strip))} of all others), and it lies along every other class "
            f"({percent(counts.along_all(strip))} of the border of each, or more)"
        )
        found[strip] = f"{found[strip]}, and {looks}" if strip in found else looks
    return [
        Problem(LOOKS_UNLABELED, masks, "things to learn as classes", text, _advice(k, classes, option))
        for k, text in found.items()
    ]


def _counted(files: Sequence[Path], classes: ClassTable, max_pixels: int) -> BorderCounts | None:
    total = None
    for path in files:
        codes, _ = classes.codes(read_mask(path, by_color=classes.by_color, max_pixels=max_pixels))
        counts = BorderCounts.of(codes, len(classes))
        total = counts if total is None else total + counts
    return total


def _which(index: int, classes: ClassTable) -> str:
    if classes.by_color:
        return f"the class {classes.names[index]} (color {classes.colors[index][0]})"
    number, every = classes.ids[index][0], sorted(i for entry in classes.ids for i in entry)
    place = {every[0]: ", the first id,", every[-1]: ", the last id,"}.get(number, "")
    name = "" if classes.names[index] == f"class {number}" else f" ({classes.names[index]})"
    return f"{number}{name}{place}"


def _advice(index: int, classes: ClassTable, option: str) -> str:
    of_file = f"write it under {'ignore_colors' if classes.by_color else 'ignore_ids'} of a class file"
    ids = [i for entry in classes.ids for i in entry]
    if classes.by_color or len(ids) > MOST_MAPPED:
        return f"nothing if it is a class; if it is unlabeled, {of_file} ({option}classes)"
    left = [k for k in range(len(classes)) if k != index]
    mapped: dict[int, int | str] = {i: left.index(k) for k in left for i in classes.ids[k]}
    mapped |= dict.fromkeys([*classes.ids[index], *set(classes.ignore_ids) - set(classes.assumed_ids)], "ignore")
    names = "" if classes.names[index].startswith("class ") else " (and leave its name out)"
    return f"nothing if it is a class; if it is unlabeled, say {label_map(mapped, option)}{names}, or {of_file}"
