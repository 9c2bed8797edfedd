"""``hardpix check``: everything that the files of a folder hold, and whether a training would start with them."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from inspect import signature
from pathlib import Path
from typing import Any, Literal

from rich.markup import escape

from hardpix.cli.arguments import checked_input
from hardpix.cli.problem_list import is_long, write_problems
from hardpix.cli.results import write_whole
from hardpix.cli.terminal import Terminal
from hardpix.commands.check_report import as_json, print_part
from hardpix.data import ClassTable, DataError, DepthFormat, ImageFormat, Problem, check_folders, describe
from hardpix.data.like_unlabeled import classes_like_unlabeled
from hardpix.data.limits import MAX_PIXELS
from hardpix.data.masks_alone import check_masks, masks_alone
from hardpix.data.remedies import own_settings, with_own_settings
from hardpix.data.sparse import about_sparse, is_sparse
from hardpix.training.data_settings import (
    DataSettings,
    FolderSettings,
    LabelSettings,
    MapSettings,
    PartSettings,
    PresetSettings,
)
from hardpix.training.more_images import LabeledImages
from hardpix.training.open_data import plan_sources, sources_of
from hardpix.training.sources import Sources, own_folders, refuse
from hardpix.training.split_plan import Part, SplitPlan
from hardpix.training.streams import Stream
from hardpix.training.unlabeled_folder import with_unlabeled


def check(
    masks: Path | None = None,
    images: Path | None = None,
    val_images: Path | None = None,
    val_masks: Path | None = None,
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
    val_share: float = 0.2,
    val_stems: str | None = None,
    depth: bool | str | None = None,
    depth_suffix: str = "",
    depth_format: DepthFormat | None = None,
    weights: str | None = None,
    labeled_stems: str | None = None,
    labeled_every: int | None = None,
    streams: dict[str, Stream] | None = None,
    more: list[LabeledImages] | None = None,
    unlabeled: str | None = None,
    json: Path | None = None,
    problems: Path | None = None,
) -> int:
    """Say everything about a folder of images and masks, without training.

    Sizes, file types, ids with their share of the pixels, unlabeled pixels, colors, and whatever makes it doubtful how
    the masks are meant, with the setting that resolves it. Settings are those of hardpix fit, without "data.". The exit
    code is 0 if hardpix fit would start with the files, and 1 if it would refuse them. Nothing is written but the JSON.

    Args:
        masks: Folder of masks.
        images: Folder of the images; without, the masks alone are looked at.
        val_images: Folder of the validation images; without, some of the training images are held out.
        val_masks: Folder of their masks.
        image_suffix: Ending of the image file names that is no part of the stem, such as _leftImg8bit.
        mask_suffix: Ending of the mask file names, such as _gtFine_labelIds.
        classes: YAML file of the class table, name of a preset, or names of the classes with the ids 0, 1, 2, ….
        label_map: Ids in the masks → number of the class, or "ignore".
        threshold: For masks of black and white: numbers at or above it are class 1, others class 0.
        palette: colors reads palette files by the colors that they show, in place of their indices; ids by their
            indices, whatever colors they show.
        preset: Name of a known data set, or YAML file of one of your own, in place of folders.
        root: Folder of the known data set.
        bands: Numbers of the bands that a network would see, such as [4, 1, 2]; the first band of a file is 1.
        value_range: The stored numbers that are black and white, such as [0, 3000], or measured.
        max_pixels: Height × width of the largest file that is read.
        val_share: Share of the training images that is held out, in contiguous blocks of file names.
        val_stems: Pattern with * and ? of the file stems to hold out instead, such as seq05_*.
        depth: Folder of the training images' depth maps; true for that of the preset.
        depth_suffix: Ending of the depth file names.
        depth_format: How stored depth becomes meters, such as --depth_format.scale 0.001 for millimeters.
        weights: Folder of the training images' weight maps.
        labeled_stems: Pattern of the training images that count as labeled, or text file of their stems.
        labeled_every: The same by their order, one in so many images of each sequence.
        streams: Further images by the name that a recipe has for them, such as '{unlabeled: {images: DIR}}'.
        more: Further labeled images to train on, such as '[{images: DIR, masks: DIR, trust: DIR}]'.
        unlabeled: Folder of images without labels to learn from, of the same kind of camera.
        json: New file for all of it as JSON.
        problems: New csv file for the whole list of problems and doubts, of which the screen shows twenty of each kind.

    Returns:
        The exit code.
    """
    console = Terminal(highlight=False, soft_wrap=True)
    with checked_input():
        if json is not None and json.exists():
            raise FileExistsError(f"expected a new file for the report, found {json}; give another name as --json")
        # Where a suffix tells them apart, images lie among the masks.
        alone = preset is None and images is None and not image_suffix
        if alone and (bands is not None or value_range is not None):
            raise ValueError("--bands and --value_range are about the images: give their folder as --images, too")
        if alone:
            refuse("masks without images", {"unlabeled": unlabeled})
        image_format = ImageFormat(bands, value_range, max_pixels)
        given = {"images": images, "masks": masks, "val_images": val_images, "val_masks": val_masks}
        if preset is not None and root is None:
            raise ValueError("--preset goes with --root, the folder of the data set: give it, too")
        if preset is None and (masks is None or root is not None):
            raise ValueError("expected --masks, perhaps with --images, or --preset and --root: give one of the two")
        if preset is None and images is None and not alone:
            given |= {"images": masks, "val_images": val_images or val_masks}
        places = {name: None if place is None else str(place) for name, place in given.items()}
        endings = {"image_suffix": image_suffix, "mask_suffix": mask_suffix, "depth_suffix": depth_suffix}
        settings = DataSettings(
            FolderSettings(**places, **endings),  # type: ignore[arg-type]
            PresetSettings(preset, None if root is None else str(root)),
            PartSettings(val_share, val_stems, labeled_stems, labeled_every),
            LabelSettings(classes, label_map, threshold, palette),
            MapSettings(depth, depth_format, weights),
            image_format,
            255,
            with_unlabeled(streams or {}, unlabeled),
            more or (),
        )
        sources, table = _masks_alone(settings) if alone else sources_of(settings)
        plan = plan_sources(settings, sources, table, check_masks if alone else check_folders)
        plan = replace(plan, doubts=(*plan.doubts, *_like_unlabeled(plan.train, max_pixels)))
    said = frozenset(signature(check).parameters)
    for name, part in _parts(plan).items():
        print_part(console, name, part.folders, part.report)
    if doubts := [describe(plan.doubts)] * bool(plan.doubts) + [*plan.cautions]:
        console.print("[yellow]Doubts[/yellow]", *(escape(own_settings(text, said)) for text in doubts), sep="\n")
    for remark in plan.remarks:
        console.print(escape(own_settings(remark, said)))
    if plan.error is None and is_sparse(plan.labeled_share):
        for line in about_sparse(plan.labeled_share, plan.val.labeled_share):
            console.print(escape(own_settings(line, said)))
    if plan.error is not None:
        refusal = escape(own_settings(str(plan.error), said))
        console.print("[red]Refused by hardpix fit[/red]", refusal, sep="\n")
    if json is not None:
        _write(json, plan, said)
        console.print(escape(f"written to {json}"))
    listed = [*(plan.error.problems if isinstance(plan.error, DataError) else ()), *plan.doubts]
    if problems is not None:
        write_problems(problems, [with_own_settings(problem, said) for problem in listed])
        console.print(escape(f"all {len(listed)} problems and doubts are in {problems}"))
    elif is_long(listed):
        console.print("--problems FILE writes all problems and doubts into a table")
    refused = plan.error is not None
    console.print("hardpix fit would refuse these files." if refused else "hardpix fit can start with these files.")
    return 1 if refused else 0


def _like_unlabeled(part: Part, max_pixels: int) -> list[Problem]:
    """Doubts about classes that may be meant as unlabeled, where the masks can be read as they are."""
    report = part.report
    if report.classes is None or part.folders.masks is None or report.refusals:
        return []
    return classes_like_unlabeled(Path(part.folders.masks), list(report.masks.values()), report.classes, max_pixels)


def _masks_alone(settings: DataSettings) -> tuple[Sources, ClassTable | None]:
    """The folders of masks in place of those of images, and the classes where they are known.

    Raises:
        ValueError: settings about images.
    """
    given, parts, maps = settings.folders, settings.parts, settings.maps
    about_images: dict[str, Any] = {"val_images": given.val_images, "depth": maps.depth, "weights": maps.weights}
    about_images |= {"labeled_stems": parts.labeled_stems, "labeled_every": parts.labeled_every}
    refuse("masks without images", about_images | {"streams": settings.streams, "more": settings.more})
    masks, val_masks = given.masks, given.val_masks
    training, validation = own_folders(masks, masks, val_masks, val_masks, given.endings, parts.val_stems)
    sources = Sources(masks_alone(training), None if validation is None else masks_alone(validation), {})
    return sources, settings.labels.table()


def _parts(plan: SplitPlan) -> dict[str, Part]:
    """The folders that were read, by the name of their part; one folder of both parts has none."""
    further = {f"train_{number}": part for number, part in enumerate(plan.more, start=2)}
    if plan.apart:
        return {"train": plan.train, "val": plan.val, **further}
    return {"train": plan.train, **further} if further else {"": plan.train}


def _write(path: Path, plan: SplitPlan, settings: Collection[str]) -> None:
    """Write the JSON; what concerns both parts stands with the first."""
    problems = plan.error.problems if isinstance(plan.error, DataError) else ()
    content = {}
    of_val = {*plan.val.report.problems, *plan.val.report.warnings} if plan.apart else set()
    for name, part in _parts(plan).items():
        own = [[p for p in found if (p in of_val) == (name == "val")] for found in (problems, plan.doubts)]
        content[name or "data"] = as_json(
            part.folders, part.report, *([with_own_settings(p, settings) for p in found] for found in own)
        )
    first = next(iter(content.values()))
    first["refused"] = None if plan.error is None else own_settings(str(plan.error), settings)
    write_whole(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
