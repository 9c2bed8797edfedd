"""The finding that an id stands in one mask alone, as a slip of the pen does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hardpix.data.classes import ClassTable
from hardpix.data.errors import Problem
from hardpix.data.labels import HIGHEST_ID, gray_levels
from hardpix.data.mask_facts import MaskFacts, percent_of, pixels_of
from hardpix.data.remedies import MOST_MAPPED, label_map

# In a set of fewer masks, one may well hold a class alone.
FEWEST_MASKS = 3
MOST_NAMED = 8


def stray_ids(masks: Path, files: Sequence[MaskFacts], classes: ClassTable | None, option: str) -> Problem | None:
    """A doubt: ids that were found in one mask alone, each of which would be a class.

    Example:
        >>> labels = {"a": {0: 4, 1: 4}, "b": {0: 5, 1: 2, 9: 1}, "c": {0: 4, 1: 4}}
        >>> files = [MaskFacts(Path(f"{name}.png"), counts) for name, counts in labels.items()]
        >>> stray_ids(Path("masks"), files, None, "--").found
        'class 9: in the mask of b alone; a stray id? (4.17 % of the pixels)'
    """
    if classes is not None or len(files) < FEWEST_MASKS:
        return None
    total = pixels_of(files)
    ids = {label for label in total if isinstance(label, int)}
    unlabeled = set() if gray_levels(ids) else {255, HIGHEST_ID}
    having = {i: [file for file in files if i in file.labels] for i in sorted(ids - unlabeled)}
    stray = [i for i, those in having.items() if len(those) == 1]
    if not stray or len(ids) != len(total):
        return None
    found = "; ".join(
        f"class {i}: in the mask of {having[i][0].path.stem} alone; a stray id? "
        f"({percent_of(total[i], files)} of the pixels)"
        for i in stray[:MOST_NAMED]
    )
    kept = [i for i in having if i not in stray]
    mapping: dict[int, int | str] = {**{i: k for k, i in enumerate(kept)}, **dict.fromkeys(ids - {*kept}, "ignore")}
    way = label_map(mapping, option) if len(ids) <= MOST_MAPPED and kept else f"which ids count, by {option}classes"
    return Problem(
        "id in one mask alone",
        masks,
        "classes in several masks",
        found + (f"; and {len(stray) - MOST_NAMED} more" if len(stray) > MOST_NAMED else ""),
        f"nothing if these are classes; else say {way}",
        whole_folder=True,
    )
