"""A user's folders, checked and split into what is trained on and what is held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from hardpix.data import (
    ClassTable,
    DataError,
    FolderReport,
    Folders,
    ImageFormat,
    Problem,
    SegmentationFolder,
    Split,
    check_folders,
    describe,
    split_blocks,
    split_by_pattern,
)
from hardpix.data.map_kind import MapKind
from hardpix.data.mask_palettes import colors_by_index, palettes_that_contradict
from hardpix.data.unlabeled import ids_that_never_occur, unlabeled_line
from hardpix.training.processes import is_first_process


@dataclass(frozen=True)
class SplitFolders:
    """What `split_folders` found.

    `smallest` is the least height and the least width of the training images, `class_pixels` the number of pixels of
    each class in their masks, `lacking` by the key of a map that was asked for the stems of those whose map is not
    known. `val_sizes` is the height and width of each validation image, in the order of `val`.
    """

    classes: ClassTable
    train: SegmentationFolder
    val: SegmentationFolder
    smallest: tuple[int, int]
    class_pixels: list[int]
    val_sizes: tuple[tuple[int, int], ...]
    lacking: dict[str, tuple[str, ...]]


def split_folders(
    training: Folders,
    validation: Folders | None,
    classes: ClassTable | None,
    *,
    val_share: float,
    val_stems: str | None,
    image_format: ImageFormat,
    ignore_index: int,
    palette: str | None = None,
    label_map: Mapping[int, int | str] | None = None,
) -> SplitFolders:
    """Check every file, say on screen what is held out, and open both parts.

    Args:
        training: folders of the images to train on, and to hold some out of if validation has no folders of its own.
        validation: folders of the images to validate on.
        classes: what the masks should hold; found in the training masks if not given.
        val_share: share to hold out, in contiguous blocks of file names.
        val_stems: pattern of the stems to hold out instead.
        image_format: which bands of the images are used, and their range; where it is to be measured, the images that
            are trained on have the measured one.
        ignore_index: the id of unlabelled pixels inside hardpix.
        palette: where no classes are given, "colors" takes them from the colors of palette files, "ids" from their
            indices whatever colors they show.
        label_map: that of the user, whose ids should all occur.

    Raises:
        DataError: everything that is wrong with the files, in one list.
        ValueError: nothing would be left to train or to validate on.
    """
    if validation is not None:
        validation = validation.keeping(_is_checked_in_validation)
    for folders, use in ((training, "train on"), (validation, "validate on")):
        if folders is not None and folders.masks is None:
            raise DataError(
                f"expected masks of the images to {use}, found none for {folders.images}: name their folder as masks "
                "in the same part of the preset"
            )
    report = check_folders(
        training,
        classes,
        image_format=image_format,
        ignore_index=ignore_index,
        progress=is_first_process(),
        palette=palette,
    )
    problems, warnings = list(report.problems), list(report.warnings)
    masks = {"training": list(report.masks.values())}
    if validation is not None:
        # Ids that only validation has are errors: the network would have no class for them.
        val_report = check_folders(
            validation,
            classes or report.classes,
            image_format=image_format,
            ignore_index=ignore_index,
            progress=is_first_process(),
        )
        problems += val_report.problems + tuple(_in_both(training, validation))
        warnings += val_report.warnings
        masks["validation"] = list(val_report.masks.values())
        every = [file for files in masks.values() for file in files]
        if training.masks is not None and not any(found.whole_folder for found in problems):
            problems += filter(None, [palettes_that_contradict(training.masks, every, classes, "--data.")])
    if training.masks is not None and (never := ids_that_never_occur(training.masks, masks, label_map or {})):
        warnings.append(never)
    unused = _held_out_maps(training, report.stems, val_share, val_stems) if validation is None else set()
    problems, warnings = ([found for found in each if found.where not in unused] for each in (problems, warnings))
    if warnings:
        show("[yellow]Warnings[/yellow]", escape(describe(warnings)))
    if problems:
        # A network cannot be held against classes that are in doubt themselves.
        in_doubt = report.classes is None or any(problem.whole_folder for problem in problems)
        raise DataError.of(problems, () if in_doubt or report.classes is None else report.classes.names)
    assert report.classes is not None
    if validation is None:
        split = _split(report.stems, val_share, val_stems)
        show(escape(split.sentence))
        train_stems, val_folders, held_out = split.train, training, split.val
    else:
        train_stems, val_folders, held_out = report.stems, validation, val_report.stems
        where = escape(str(val_folders.images))
        show(f"Training: {len(train_stems)} images; validation: {len(held_out)} images of {where}.")
    table = report.classes
    if seen := colors_by_index(masks["training"]):
        table = table.with_palette_seen(seen)
    show(escape(f"{len(report.classes)} classes: {', '.join(report.classes.names)}"))
    if unlabeled := unlabeled_line(masks if validation is not None else {"": masks["training"]}, report.classes):
        show(escape(unlabeled))
    if image_format.value_range == "measured":
        image_format = image_format.measured([training.files["images"][stem][0] for stem in train_stems])
        show(escape(f"Measured in the training images: {image_format.described}"))

    def opened(folders: Folders, stems: Sequence[str]) -> SegmentationFolder:
        part = replace(folders, stems=tuple(stems))
        return SegmentationFolder.of(part, table, image_format=image_format, ignore_index=ignore_index)

    class_pixels = report.class_pixels(train_stems)
    if doubtful := _doubtful_classes(report, class_pixels):
        show("[yellow]Warnings[/yellow]", escape(doubtful))
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
    lacking = {}
    for kind in training.kinds:
        unknown = set(report.lacking[kind.key])
        lacking[kind.key] = without = tuple(stem for stem in train_stems if stem in unknown)
        if len(without) == len(train_stems):
            raise DataError.of([kind.nothing_known(training.given[kind.folder])], report.classes.names)
        seen_maps = report.maps_seen[kind.key]
        if summary := kind.summary([seen_maps[stem] for stem in train_stems if stem in seen_maps]):
            show(escape(summary))
        if without:
            some = ", ".join(without[:5]) + (", …" if len(without) > 5 else "")
            of = f"{len(without)} of {len(train_stems)} training images have none ({some})"
            show("[yellow]Warnings[/yellow]", escape(f"{kind.key}: {of}; they are trained on without it"))
    heights, widths = zip(*(report.sizes[stem] for stem in train_stems), strict=True)
    val = opened(val_folders.keeping(lambda kind: not kind.training_only), held_out)
    val_sizes = (report if validation is None else val_report).sizes
    return SplitFolders(
        classes=table,
        train=opened(training, train_stems),
        val=val,
        smallest=(min(heights), min(widths)),
        class_pixels=class_pixels,
        val_sizes=tuple(val_sizes[stem] for stem in val.stems),
        lacking=lacking,
    )


def _is_checked_in_validation(kind: MapKind) -> bool:
    """True where faults of maps must be mended in validation images, too: not for optional maps that it never reads."""
    return kind.needed or not kind.training_only


def _split(stems: Sequence[str], val_share: float, val_stems: str | None) -> Split:
    return split_by_pattern(stems, val_stems) if val_stems else split_blocks(stems, val_share)


def _held_out_maps(training: Folders, stems: Sequence[str], val_share: float, val_stems: str | None) -> set[Path]:
    """Maps of images that will be held out and need none: whatever is wrong with them need not be mended."""
    maps = [training.files[kind.folder] for kind in training.kinds if not _is_checked_in_validation(kind)]
    if not maps:
        return set()
    try:
        held_out = _split(stems, val_share, val_stems).val
    except ValueError:  # said where the split is made
        return set()
    return {path for found in maps for stem in held_out for path in found.get(stem, [])}


def _in_both(training: Folders, validation: Folders) -> list[Problem]:
    """Images that would be trained on and scored, as where the one folder holds the other."""
    trained_on = {path.resolve() for paths in training.files["images"].values() for path in paths}
    advice = "let neither folder hold the other, or give one alone and say by val_stems or val_share what is held out"
    return [
        Problem("image to train on and to validate on", path, "an image of one of the two", "it in both", advice)
        for paths in validation.files["images"].values()
        for path in paths
        if path.resolve() in trained_on
    ]


def _doubtful_classes(report: FolderReport, class_pixels: list[int]) -> str:
    """Classes that none of the training images has, while those that are held out do."""
    assert report.classes is not None
    seen = {report.classes.index_of(label) for labels in report.labels.values() for label in labels}
    return "\n".join(
        f"{name}: in no training image, so it cannot be learned; hold out other images (val_stems)"
        for index, name in enumerate(report.classes.names)
        if index in seen and not class_pixels[index]
    )


def show(*lines: str) -> None:
    """Print, in the first of several processes only."""
    if is_first_process():
        Console(highlight=False, soft_wrap=True).print("\n".join(lines))


def described(samples: SegmentationFolder) -> dict[str, Any]:
    """Where the images of a part are, and which they are, as a run's split.yaml has it."""
    folders = samples.folders
    return {
        # Whoever tests the run may do so from another directory.
        "images": str(folders.images.absolute()),
        "masks": None if folders.masks is None else str(folders.masks.absolute()),
        "image_suffix": folders.image_suffix,
        "mask_suffix": folders.mask_suffix,
        "stems": list(samples.stems),
    }
