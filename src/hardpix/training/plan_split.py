"""Check of the folders of a training, and choice of the images to train on and to validate on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from hardpix.data import ClassTable, DataError, ImageFormat, ImagePaths, ProblemReport, check_folders
from hardpix.data.wording import counted
from hardpix.training.file_findings import findings_of_files, is_checked_in_validation, maps_not_needed
from hardpix.training.part_findings import with_findings_of_parts
from hardpix.training.split_plan import Part, SplitPlan, split_stems


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
        validation = validation.keeping(is_checked_in_validation)
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
    unused = set() if plan.apart else maps_not_needed(train, val_share, val_stems)
    problems, doubts = findings_of_files(plan, classes, label_map or {})
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
    return with_findings_of_parts(plan)


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
        split = split_stems(plan.train.report.stems, val_share, val_stems)
        train, val, said = split.train, split.val, split.sentence
    return replace(
        plan, train=replace(plan.train, stems=train), val=replace(plan.val, stems=val), remarks=(*plan.remarks, said)
    )


def _all_of(folders: ImagePaths, report: ProblemReport) -> Part:
    return Part(folders, report, report.stems)
