"""A user's folders, checked and split into what is trained on and what is held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from hardpix.data import (
    ClassTable,
    DataError,
    Folders,
    Problem,
    SegmentationFolder,
    check_folders,
    describe,
    split_blocks,
    split_by_pattern,
)
from hardpix.data.yaml_files import read_yaml
from hardpix.training.processes import is_first_process


@dataclass(frozen=True)
class SplitFolders:
    """What `split_folders` found.

    `smallest` is the least height and the least width of the training images, `class_pixels` the number of pixels of
    each class in their masks.
    """

    classes: ClassTable
    train: SegmentationFolder
    val: SegmentationFolder
    smallest: tuple[int, int]
    class_pixels: list[int]


def split_folders(
    training: Folders,
    validation: Folders | None,
    classes: ClassTable | None,
    *,
    val_share: float,
    val_stems: str | None,
    depth_scale: float,
    ignore_index: int,
) -> SplitFolders:
    """Check every file, say on screen what is held out, and open both parts.

    Args:
        training: folders of the images to train on, and to hold some out of if validation has no folders of its own.
        validation: folders of the images to validate on.
        classes: what the masks should hold; found in the training masks if not given.
        val_share: share to hold out, in contiguous blocks of file names.
        val_stems: pattern of the stems to hold out instead.
        depth_scale: metres for one unit of a stored depth.
        ignore_index: the id of unlabelled pixels inside hardpix.

    Raises:
        DataError: everything that is wrong with the files, in one list.
        ValueError: nothing would be left to train or to validate on.
    """
    for folders, use in ((training, "train on"), (validation, "validate on")):
        if folders is not None and folders.masks is None:
            raise DataError(
                f"expected masks of the images to {use}, found none for {folders.images}: name their folder as masks "
                "in the same part of the preset"
            )
    report = check_folders(training, classes, ignore_index=ignore_index, progress=is_first_process())
    problems, warnings = list(report.problems), list(report.warnings)
    if validation is not None:
        # Ids that only validation has are errors: the network would have no class for them.
        val_report = check_folders(
            validation, classes or report.classes, ignore_index=ignore_index, progress=is_first_process()
        )
        problems += val_report.problems
        warnings += val_report.warnings
    if warnings:
        show("[yellow]Warnings[/yellow]", escape(describe(warnings)))
    if problems:
        raise DataError.of(problems, report.classes.names if report.classes else ())
    assert report.classes is not None
    if validation is None:
        split = split_by_pattern(report.stems, val_stems) if val_stems else split_blocks(report.stems, val_share)
        show(escape(split.sentence))
        train_stems, val_folders, held_out = split.train, training, split.val
    else:
        train_stems, val_folders, held_out = report.stems, validation, val_report.stems
        where = escape(str(val_folders.images))
        show(f"Training: {len(train_stems)} images; validation: {len(held_out)} images of {where}.")
    show(escape(f"{len(report.classes)} classes: {', '.join(report.classes.names)}"))

    def opened(folders: Folders, stems: Sequence[str]) -> SegmentationFolder:
        assert report.classes is not None
        return SegmentationFolder(
            folders.images,
            folders.masks,
            report.classes,
            depth=folders.depth,
            weights=folders.weights,
            depth_scale=depth_scale,
            image_suffix=folders.image_suffix,
            mask_suffix=folders.mask_suffix,
            ignore_index=ignore_index,
            stems=stems,
        )

    class_pixels = report.class_pixels(train_stems)
    unlabelled = [
        Problem("nothing labelled", folders.masks, f"labels of the images to {use}", "none", "label some of them")
        for folders, use, counts in (
            (training, "train on", class_pixels),
            (val_folders, "validate on", (val_report if validation is not None else report).class_pixels(held_out)),
        )
        if folders.masks is not None and not any(counts)
    ]
    if unlabelled:
        raise DataError.of(unlabelled, report.classes.names)
    heights, widths = zip(*(report.sizes[stem] for stem in train_stems), strict=True)
    return SplitFolders(
        classes=report.classes,
        train=opened(training, train_stems),
        val=opened(replace(val_folders, depth=None, weights=None), held_out),
        smallest=(min(heights), min(widths)),
        class_pixels=class_pixels,
    )


def class_table(classes: str | list[str] | None, label_map: dict[int, int | str] | None) -> ClassTable | None:
    """The class table that settings describe: the path of a YAML file, names, a label map, or nothing.

    Raises:
        ValueError: a label map beside a file, which has the ids itself.
        FileNotFoundError: there is no such file.
    """
    if isinstance(classes, str):
        if label_map is not None:
            raise ValueError("label_map goes with names of classes, not with a file of them: write the ids in the file")
        if not Path(classes).is_file():
            raise FileNotFoundError(
                f"expected a YAML file of the class table as --data.classes, found none at {classes}"
            )
        return read_yaml(classes, ClassTable.from_dict)
    if label_map is not None:
        return ClassTable.from_label_map(label_map, classes)
    return ClassTable.from_names(classes) if classes is not None else None


def show(*lines: str) -> None:
    """Print, in the first of several processes only."""
    if is_first_process():
        Console(highlight=False, soft_wrap=True).print("\n".join(lines))
