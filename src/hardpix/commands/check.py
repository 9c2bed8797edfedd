"""``hardpix check``: everything that the files of a folder hold, and whether a training would start with them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.markup import escape

from hardpix.cli.arguments import checked_input
from hardpix.commands.check_report import as_json, print_part
from hardpix.data import (
    ClassTable,
    DataError,
    FolderReport,
    Folders,
    ImageFormat,
    check_folders,
    describe,
    load_preset,
    split_blocks,
)
from hardpix.data.class_source import class_table, read_by
from hardpix.data.errors import Problem
from hardpix.data.limits import MAX_PIXELS
from hardpix.data.mask_checks import judge_masks, read_masks
from hardpix.data.pairs import folder_problems
from hardpix.data.remedies import with_own_settings
from hardpix.data.unlabeled import ids_that_never_occur


def check(
    masks: Path | None = None,
    images: Path | None = None,
    image_suffix: str = "",
    mask_suffix: str = "",
    classes: str | list[str] | None = None,
    label_map: dict[int, int | str] | None = None,
    threshold: int | None = None,
    palette: Literal["ids", "colors"] | None = None,
    preset: str | None = None,
    root: Path | None = None,
    bands: list[int] | None = None,
    value_range: Literal["measured"] | list[float] | list[list[float]] | None = None,
    max_pixels: int = MAX_PIXELS,
    json: Path | None = None,
) -> int:
    """Say everything about a folder of images and masks, without training.

    Sizes, file types, ids with their share of the pixels, unlabeled pixels, colors, and whatever makes it doubtful how
    the masks are meant, with the setting that resolves it. Settings are those of hardpix fit, without "data.". The exit
    code is 0 if hardpix fit would start with the files, and 1 if it would refuse them. Nothing is written but the JSON.

    Args:
        masks: Folder of masks.
        images: Folder of the images; without, the masks alone are looked at.
        image_suffix: Ending of the image file names that is no part of the stem, such as _leftImg8bit.
        mask_suffix: Ending of the mask file names, such as _gtFine_labelIds.
        classes: YAML file of the class table, name of a preset, or names of the classes with the ids 0, 1, 2, ….
        label_map: Ids in the masks → number of the class, or "ignore".
        threshold: For masks of black and white: numbers at or above it are class 1, others class 0.
        palette: colors reads palette files by the colors that they show, in place of their indices.
        preset: Name of a known data set, or YAML file of one of your own, in place of folders.
        root: Folder of the known data set.
        bands: Numbers of the bands that a network would see, such as [4, 1, 2]; the first band of a file is 1.
        value_range: The stored numbers that are black and white, such as [0, 3000], or measured.
        max_pixels: Height × width of the largest file that is read.
        json: New file for all of it as JSON.

    Returns:
        The exit code.
    """
    console = Console(highlight=False, soft_wrap=True)
    with checked_input():
        if json is not None and json.exists():
            raise FileExistsError(f"expected a new file for the report, found {json}; give another name as --json")
        table = class_table(classes, label_map, threshold, palette)
        image_format = ImageFormat(bands, value_range, max_pixels)
        parts, table = _parts(images, masks, image_suffix, mask_suffix, preset, root, table, palette)
    found: dict[str, tuple[FolderReport, list[Problem]]] = {}
    for name, folders in parts.items():
        report = _check(folders, table, palette or "ids", image_format)
        report = replace(report, problems=tuple(map(with_own_settings, report.problems)))
        warnings = [*map(with_own_settings, report.warnings)]
        if folders.masks and (
            never := ids_that_never_occur(folders.masks, {"": [*report.masks.values()]}, label_map or {})
        ):
            warnings.append(never)
        found[name] = report, warnings
        # The ids of what is trained on are the classes of the other parts, too.
        table = table or report.classes
        print_part(console, name, folders, report)
        for title, problems in (("Doubts", warnings), ("Refused by hardpix fit", report.problems)):
            if problems:
                color = "yellow" if title == "Doubts" else "red"
                console.print(f"[{color}]{title}[/{color}]\n{escape(describe(problems))}")
    if json is not None:
        _write(json, found, parts)
        console.print(escape(f"written to {json}"))
    refused = any(report.problems for report, _ in found.values())
    if not refused and images is not None:
        try:
            split_blocks(found[""][0].stems, 0.2)
        except ValueError as error:
            console.print(escape(str(error)))
            refused = True
    console.print("hardpix fit would refuse these files." if refused else "hardpix fit can start with these files.")
    return 1 if refused else 0


def _parts(
    images: Path | None,
    masks: Path | None,
    image_suffix: str,
    mask_suffix: str,
    preset: str | None,
    root: Path | None,
    table: ClassTable | None,
    palette: str | None,
) -> tuple[dict[str, Folders], ClassTable | None]:
    """The folders of each part of the data, and the classes that they should hold."""
    if preset is None:
        if masks is None or root is not None:
            raise ValueError("expected --masks, perhaps with --images, or --preset and --root: give one of the two")
        return {"": Folders(images or masks, masks, image_suffix=image_suffix, mask_suffix=mask_suffix)}, table
    if root is None or images is not None or masks is not None or image_suffix or mask_suffix:
        raise ValueError("--preset goes with --root, the folder of the data set, and without folders and suffixes")
    known = load_preset(preset)
    table = table or read_by(known.classes, palette or known.classes.palette)
    parts = {part: known.folders(root, part) for part in ("train", "val") if part in known.parts}
    # Depth need not be there, nor in a format that is known.
    there = {
        part: found.keeping(lambda kind: kind.needed)
        for part, found in parts.items()
        if part == "train" or found.images.is_dir()
    }
    if missing := [part for part, folders in there.items() if folders.masks is None]:
        raise DataError(f"expected masks in every part of the preset, found none for {', '.join(missing)}")
    return there, table


def _check(folders: Folders, classes: ClassTable | None, palette: str, image_format: ImageFormat) -> FolderReport:
    """The report on a folder of images and masks, or on masks alone, which stand in the place of the images, too."""
    assert folders.masks is not None
    if folders.images != folders.masks or folders.image_suffix:
        return check_folders(folders, classes, image_format=image_format, progress=True, palette=palette, option="--")
    if missing := folder_problems(replace(folders, masks=None)):
        return FolderReport((), classes, {}, {}, tuple(missing), ())
    by_color = classes.by_color if classes else palette == "colors"
    files = {str(path): path for paths in folders.files["masks"].values() for path in paths}
    facts, problems = read_masks(
        files.values(), classes, by_color=by_color, max_pixels=image_format.max_pixels, progress=True
    )
    masks = {str(mask.path.relative_to(folders.masks)): mask for mask in facts}
    judged = judge_masks(folders.masks, masks, classes, by_color=by_color, option="--")
    return FolderReport(
        stems=tuple(masks),
        classes=judged.classes,
        labels={stem: dict(mask.labels) for stem, mask in masks.items()},
        sizes={stem: mask.size for stem, mask in masks.items()},
        problems=(*problems, *judged.problems),
        warnings=tuple(judged.warnings),
        masks=masks,
    )


def _write(path: Path, found: dict[str, tuple[FolderReport, list[Problem]]], parts: dict[str, Folders]) -> None:
    content = {name or "data": as_json(parts[name], report, warnings) for name, (report, warnings) in found.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
