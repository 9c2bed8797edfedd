"""A user's folders, checked and split into what is trained on and what is held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from rich.markup import escape

from hardpix.cli.terminal import Terminal
from hardpix.data import ClassTable, ImagePaths, SegmentationFolder, describe
from hardpix.training.processes import is_first_process
from hardpix.training.split_plan import SplitPlan


@dataclass(frozen=True)
class DatasetSplit:
    """Findings of `open_split`.

    `smallest` is the least height and the least width of the training images, `class_pixels` the number of pixels of
    each class in their masks; `more` are further training images. `lacking` has, by the key of a map that was asked
    for, the stems of images whose map is not known. `val_sizes` is the height and width of each validation image, in
    the order of `val`.
    """

    classes: ClassTable
    train: SegmentationFolder
    more: tuple[SegmentationFolder, ...]
    val: SegmentationFolder
    smallest: tuple[int, int]
    class_pixels: list[int]
    val_sizes: tuple[tuple[int, int], ...]
    lacking: dict[str, tuple[str, ...]]


def open_split(plan: SplitPlan, ignore_index: int) -> DatasetSplit:
    """Say on screen what a plan holds out, and open both parts.

    Args:
        plan: what `plan_split` found.
        ignore_index: the id of unlabeled pixels inside hardpix.

    Raises:
        DataError: everything that is wrong with the files, in one list.
        ValueError: nothing would be left to train or to validate on.
    """
    show(*announcement(plan))
    if plan.error is not None:
        raise plan.error

    def opened(folders: ImagePaths, stems: Sequence[str]) -> SegmentationFolder:
        part = replace(folders, stems=tuple(stems))
        return SegmentationFolder.of(part, plan.classes, image_format=plan.image_format, ignore_index=ignore_index)

    heights, widths = zip(*(size for part in plan.trained_on for size in part.sizes), strict=True)
    val = opened(plan.val.folders.keeping(lambda kind: not kind.training_only), plan.val.stems)
    sizes = dict(zip(plan.val.stems, plan.val.sizes, strict=True))
    return DatasetSplit(
        classes=plan.classes,
        train=opened(plan.train.folders, plan.train.stems),
        more=tuple(opened(part.folders, part.stems) for part in plan.more),
        val=val,
        smallest=(min(heights), min(widths)),
        class_pixels=plan.class_pixels,
        val_sizes=tuple(sizes[stem] for stem in val.stems),
        lacking=dict(plan.lacking),
    )


def announcement(plan: SplitPlan) -> list[str]:
    """The doubts and facts of a plan, in lines of rich's markup."""
    lines = []
    if doubts := [describe(plan.doubts)] * bool(plan.doubts) + [*plan.cautions]:
        lines += ["[yellow]Warnings[/yellow]", *map(escape, doubts)]
    unlabeled = [] if plan.error is not None else filter(None, [plan.unlabeled])
    return [*lines, *map(escape, (*plan.remarks, *unlabeled))]


def show(*lines: str) -> None:
    """Print, in the first of several processes only."""
    if lines and is_first_process():
        Terminal(highlight=False, soft_wrap=True).print("\n".join(lines))


def described(samples: SegmentationFolder) -> dict[str, Any]:
    """Folders and stems of the images of a part, as a run's split.yaml has them."""
    folders = samples.folders
    return {
        # The run may be tested from another directory.
        "images": str(folders.images.absolute()),
        "masks": None if folders.masks is None else str(folders.masks.absolute()),
        "image_suffix": folders.image_suffix,
        "mask_suffix": folders.mask_suffix,
        "stems": list(samples.stems),
    }
