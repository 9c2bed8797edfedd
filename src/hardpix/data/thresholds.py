"""Findings about masks of black and white whose numbers must be parted by a threshold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hardpix.data.classes import ClassTable
from hardpix.data.errors import Problem
from hardpix.data.mask_facts import MaskFacts, listed, named, percent_of

# Ids below are drawn, not gray levels.
DRAWN = 16


def soft_edges(masks: Path, files: Sequence[MaskFacts], classes: ClassTable | None, option: str) -> Problem | None:
    """Masks of black and white with grays along the edges, which would pass for dozens of classes.

    Example:
        >>> files = [MaskFacts(Path("a.png"), {0: 60, 60: 2, 130: 2, 200: 2, 255: 34}, soft=6)]
        >>> soft_edges(Path("masks"), files, None, "--").found
        '3 grays between black and white along edges, 6 % of the pixels, in 1 of 1 masks (a.png)'
    """
    if classes is not None and classes.threshold is not None:
        return None
    # A class table that lists all grays has said what they mean.
    soft = [f for f in files if f.soft and (classes is None or any(classes.index_of(i) is None for i in f.labels))]
    if not soft:
        return None
    white = max(max(file.ids) for file in soft)
    grays = {i for file in soft for i in file.ids if 0 < i < white}
    share = percent_of(sum(file.soft for file in soft), files)
    advice = f"say {option}threshold {(white + 1) // 2}: numbers at or above it are class 1, others class 0"
    if classes is not None and len(classes) != 2:
        # A threshold makes two classes.
        advice = "save them without grays between black and white, one number a class"
    elif crisp := [file for file in files if _on_one_side(file, (white + 1) // 2)]:
        advice = f"save {named(crisp, masks)} with black as 0 and white as {white} like the others; then {advice}"
    return Problem(
        "soft edges between black and white",
        masks,
        "two ids",
        f"{len(grays)} grays between black and white along edges, {share} of the pixels, in {len(soft)} of "
        f"{len(files)} masks ({named(soft, masks)})",
        advice,
        whole_folder=True,
    )


def across_the_threshold(
    masks: Path, files: Sequence[MaskFacts], classes: ClassTable | None, option: str
) -> Problem | None:
    """Masks of two numbers that a threshold does not part, such as 0 and 1 under a threshold of 128.

    Example:
        >>> files = [MaskFacts(Path("a.png"), {0: 6, 1: 2}), MaskFacts(Path("b.png"), {0: 6, 255: 2})]
        >>> across_the_threshold(Path("masks"), files, ClassTable.from_threshold(128), "--").found
        'all on one side of it in 1 of 2 masks (a.png), 50 % of the pixels'
    """
    if classes is None or classes.threshold is None:
        return None
    lost = [file for file in files if _on_one_side(file, classes.threshold)]
    if not lost:
        return None
    share = percent_of(sum(file.pixels for file in lost), files)
    ids = sorted(set[int]().union(*(file.ids for file in lost)))
    return Problem(
        "masks that the threshold does not part",
        masks,
        f"numbers on both sides of {classes.threshold}",
        f"all on one side of it in {len(lost)} of {len(files)} masks ({named(lost, masks)}), {share} of the pixels",
        f"choose a {option}threshold that parts {listed(ids[:8])} and the numbers of other masks, or save all masks "
        "with 0 and 255",
        whole_folder=True,
    )


def _on_one_side(file: MaskFacts, threshold: int) -> bool:
    """True for masks of two numbers, or of one that is not black, below the threshold; and of two at or above it.

    Also for masks of black, white and a small number that is no gray along edges.
    """
    ids = sorted(file.ids)
    if len(ids) == 3 and ids[0] == 0 and ids[1] < min(threshold, DRAWN) and not file.soft:
        return True  # a drawn id beside white: a class and what has no label, or two spellings of one class
    if not ids or len(ids) > 2 or len(ids) < len(file.labels):
        return False
    return (0 < ids[-1] < threshold) or (len(ids) == 2 and ids[0] >= threshold)


def nothing_reaches_the_threshold(
    masks: Path, files: Sequence[MaskFacts], classes: ClassTable | None, option: str
) -> Problem | None:
    """Grays of which none in any mask reaches the threshold, so that one class is left.

    Example:
        >>> files = [MaskFacts(Path("a.png"), {0: 6, 1: 2, 2: 1})]
        >>> nothing_reaches_the_threshold(Path("masks"), files, ClassTable.from_threshold(128), "--").found
        'numbers up to 2 in 1 masks (a.png)'
    """
    if classes is None or classes.threshold is None or not (faint := _faint(files, classes.threshold)):
        return None
    if any(max(file.ids, default=0) >= classes.threshold for file in files):
        return None
    return Problem(
        "threshold that no mask reaches",
        masks,
        f"numbers on both sides of {classes.threshold}",
        f"numbers up to {max(max(file.ids) for file in faint)} in {len(faint)} masks ({named(faint, masks)})",
        f"choose a lower {option}threshold, or leave it out where the masks hold ids of classes",
        whole_folder=True,
    )


def predictions_below_the_threshold(
    masks: Path, files: Sequence[MaskFacts], classes: ClassTable | None, option: str
) -> Problem | None:
    """Predictions of small numbers alone under a threshold for black and white, as numbers of classes are.

    Example:
        >>> files = [MaskFacts(Path("a.png"), {0: 6, 1: 2}), MaskFacts(Path("b.png"), {0: 8})]
        >>> predictions_below_the_threshold(Path("p"), files, ClassTable.from_threshold(128), "--").found
        'the predictions hold ids up to 1 alone, below the threshold 128, 12.5 % of the pixels above 0, in a.png'
    """
    if classes is None or classes.threshold is None:
        return None
    above = [file for file in files if max(file.ids, default=0) > 0]
    highest = max((max(file.ids) for file in above), default=0)
    if not 0 < highest < min(classes.threshold, DRAWN):
        return None
    share = percent_of(sum(file.pixels - file.labels.get(0, 0) for file in above), files)
    return Problem(
        "predictions below the threshold",
        masks,
        f"numbers on both sides of {classes.threshold}",
        f"the predictions hold ids up to {highest} alone, below the threshold {classes.threshold}, {share} of the "
        f"pixels above 0, in {named(above, masks)}",
        f"add to the command: {option}prediction_ids index",
        whole_folder=True,
    )


def _faint(files: Sequence[MaskFacts], threshold: int) -> list[MaskFacts]:
    return [file for file in files if len(file.ids) > 2 and max(file.ids) < threshold]


def below_the_threshold(
    masks: Path, files: Sequence[MaskFacts], classes: ClassTable | None, option: str
) -> Problem | None:
    """A doubt: masks with grays of which none reaches the threshold."""
    if classes is None or classes.threshold is None:
        return None
    faint = _faint(files, classes.threshold)
    if not faint or not any(max(file.ids, default=0) >= classes.threshold for file in files):
        return None
    return Problem(
        "masks that are dark throughout",
        masks,
        f"numbers on both sides of {classes.threshold}",
        f"grays up to {max(max(file.ids) for file in faint)} in {len(faint)} of {len(files)} masks "
        f"({named(faint, masks)}), so that class 1 has no pixel there",
        f"nothing if nothing is drawn there; else choose a lower {option}threshold",
        whole_folder=True,
    )
