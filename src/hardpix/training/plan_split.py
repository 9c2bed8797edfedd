"""Check of the folders of a training, and choice of the images to train on and to validate on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from hardpix.data import (
    ClassTable,
    DataError,
    ImageFormat,
    ImagePaths,
    Problem,
    ProblemReport,
    Split,
    check_folders,
    split_blocks,
    split_by_pattern,
)
from hardpix.data.map_kind import MapKind
from hardpix.data.mask_palettes import palettes_that_contradict
from hardpix.data.problems import NEVER_OCCURS
from hardpix.data.range_doubts import range_doubts
from hardpix.data.unlabeled import ids_that_never_occur
from hardpix.data.wording import counted
from hardpix.training.split_findings import (
    in_both,
    lacking_maps,
    nothing_labeled,
    trained_on_and_validated_on,
    trained_on_twice,
    unlearnable_classes,
)
from hardpix.training.split_plan import Part, SplitPlan


def plan_split(
    training: ImagePaths,
    validation: ImagePaths | None,
    classes: ClassTable | None,
    *,
    val_share: float,
    val_stems: str | None,
    image_format: ImageFormat,
    ignore_index: int = 255,
    palette: str | None = None,
    label_map: Mapping[int, int | str] | None = None,
    more: Sequence[ImagePaths] = (),
    progress: bool = False,
    check: Callable[..., ProblemReport] = check_folders,
) -> SplitPlan:
    """Check every file and split the images. Nothing is printed, and what forbids a training is not raised.

    Args:
        training: folders of the images to train on, and to hold some out of if validation has no folders of its own.
        validation: folders of the images to validate on.
        classes: what the masks should hold; found in the training masks if not given.
        val_share: share to hold out, in contiguous blocks of file names.
        val_stems: pattern of the stems to hold out instead.
        image_format: which bands of the images are used, and their range, which may have to be measured.
        ignore_index: the id of unlabeled pixels inside hardpix.
        palette: where no classes are given, "colors" takes them from the colors of palette files, "ids" from their
            indices whatever colors they show.
        label_map: that of the user, whose ids should all occur.
        more: folders of further labeled images to train on, of the same classes.
        progress: show a bar on the terminal while files are read.
        check: reads the files of one part, as `check_folders` does.

    Raises:
        DataError: a part that has no folder of masks.
    """
    if validation is not None:
        validation = validation.keeping(_is_checked_in_validation)
    for folders, use in ((training, "train on"), (validation, "validate on")):
        if folders is not None and folders.masks is None:
            raise DataError(
                f"expected masks of the images to {use}, found none for {folders.images}: name their folder as masks "
                "in the same part of the preset"
            )
    look = partial(check, image_format=image_format, ignore_index=ignore_index, progress=progress)
    report = look(training, classes, palette=palette)
    train = val = Part(training, report)
    if validation is not None:
        # Ids that only validation has are errors: the network would have no class for them.
        val = Part(validation, look(validation, classes or report.classes))
    further = tuple(_all_of(folders, look(folders, classes or report.classes)) for folders in more)
    plan = SplitPlan(train, val, validation is not None, image_format, more=further)
    unused = set() if plan.apart else _held_out_maps(train, val_share, val_stems)
    problems, doubts = _of_files(plan, classes, label_map or {})
    problems, doubts = ([found for found in each if found.where not in unused] for each in (problems, doubts))
    plan = replace(plan, doubts=tuple(doubts))
    if problems:
        # A network cannot be held against classes that are in doubt themselves.
        in_doubt = report.classes is None or any(problem.whole_folder for problem in problems)
        names = () if in_doubt or report.classes is None else report.classes.names
        return replace(plan, error=DataError.of(problems, names))
    try:
        plan = _with_stems(plan, val_share, val_stems)
    except ValueError as error:
        return replace(plan, error=error)
    return _of_parts(plan)


def _of_files(
    plan: SplitPlan, classes: ClassTable | None, label_map: Mapping[int, int | str]
) -> tuple[list[Problem], list[Problem]]:
    """Problems and doubts of all files, and of both parts together."""
    report, masks = plan.train.report, plan.train.folders.masks
    assert masks is not None
    problems, doubts = list(report.problems), list(report.warnings)
    read = {"training": list(report.masks.values())}
    if plan.apart:
        problems += [*plan.val.report.problems, *in_both(plan.train.folders, plan.val.folders)]
        doubts += plan.val.report.warnings
        read["validation"] = list(plan.val.report.masks.values())
    for part in plan.more:
        problems += part.report.problems
        # A class that these images lack may be learned from the others.
        doubts += [warning for warning in part.report.warnings if warning.kind != NEVER_OCCURS]
        read[str(part.folders.masks)] = list(part.report.masks.values())
    if plan.apart or plan.more:
        every = [file for files in read.values() for file in files]
        if not any(found.whole_folder for found in problems):
            problems += filter(None, [palettes_that_contradict(masks, every, classes, "--data.")])
    if never := ids_that_never_occur(masks, read, label_map):
        doubts.append(never)
    return problems, doubts


def _with_stems(plan: SplitPlan, val_share: float, val_stems: str | None) -> SplitPlan:
    """The plan with the stems of each part.

    Raises:
        ValueError: nothing would be left to train or to validate on.
    """
    if plan.apart:
        train, val = plan.train.report.stems, plan.val.report.stems
        of_val = f"{counted(len(val), 'image')} of {plan.val.folders.images}"
        said = f"Training: {counted(len(train), 'image')}; validation: {of_val}."
    else:
        split = _split(plan.train.report.stems, val_share, val_stems)
        train, val, said = split.train, split.val, split.sentence
    return replace(
        plan, train=replace(plan.train, stems=train), val=replace(plan.val, stems=val), remarks=(*plan.remarks, said)
    )


def _of_parts(plan: SplitPlan) -> SplitPlan:
    """The plan with what is said of the images of each part, and what is wrong with them.

    Wrong is a part without a labeled pixel, a band without a number, or maps of which nothing is known.
    """
    train, val, classes = plan.train, plan.val, plan.classes
    remarks = [*plan.remarks, f"{counted(len(classes), 'class', 'classes')}: {', '.join(classes.names)}"]
    problems = [
        nothing_labeled(part.folders.masks, use)
        for part, use in ((train, "train on"), *((part, "train on") for part in plan.more), (val, "validate on"))
        if part.folders.masks is not None and not any(part.class_pixels)
    ]
    for part in plan.more:
        problems += trained_on_and_validated_on(part, val)
    lacking = {}
    cautions = unlearnable_classes(classes, train.report, plan.class_pixels)
    cautions += [sentence for part in plan.more for sentence in trained_on_twice(part, train)]
    remarks += [f"Training, too: {counted(len(part.stems), 'image')} of {part.folders.images}" for part in plan.more]
    for kind in train.folders.kinds:
        unknown = set(train.report.lacking[kind.key])
        lacking[kind.key] = without = tuple(stem for stem in train.stems if stem in unknown)
        if len(without) == len(train.stems):
            problems.append(kind.nothing_known(train.folders.given[kind.folder]))
            continue
        seen = train.report.maps_seen[kind.key]
        remarks += filter(None, [kind.summary([seen[stem] for stem in train.stems if stem in seen])])
        if without:
            cautions.append(lacking_maps(kind.key, without, len(train.stems)))
    doubts, image_format = plan.doubts, plan.image_format
    if image_format.value_range == "measured":
        try:
            image_format = image_format.measured([train.folders.files["images"][stem][0] for stem in train.stems])
            remarks.append(f"Measured in the training images: {image_format.described}")
            held_out = {stem: val.folders.files["images"][stem][0] for stem in val.stems}
            doubts = (*doubts, *range_doubts(val.folders.images, held_out, image_format))
        except DataError as error:
            problems += error.problems
    return replace(
        plan,
        image_format=image_format,
        error=DataError.of(problems, classes.names) if problems else None,
        doubts=doubts,
        cautions=tuple(cautions),
        remarks=tuple(remarks),
        lacking=lacking,
    )


def _all_of(folders: ImagePaths, report: ProblemReport) -> Part:
    return Part(folders, report, report.stems)


def _is_checked_in_validation(kind: MapKind) -> bool:
    """True where faults of maps must be mended in validation images, too: not for optional maps that it never reads."""
    return kind.needed or not kind.training_only


def _split(stems: Sequence[str], val_share: float, val_stems: str | None) -> Split:
    return split_by_pattern(stems, val_stems) if val_stems else split_blocks(stems, val_share)


def _held_out_maps(train: Part, val_share: float, val_stems: str | None) -> set[Path]:
    """Maps of images that will be held out and need none: whatever is wrong with them need not be mended."""
    folders = train.folders
    maps = [folders.files[kind.folder] for kind in folders.kinds if not _is_checked_in_validation(kind)]
    if not maps:
        return set()
    try:
        held_out = _split(train.report.stems, val_share, val_stems).val
    except ValueError:  # said where the split is made
        return set()
    return {path for found in maps for stem in held_out for path in found.get(stem, [])}
