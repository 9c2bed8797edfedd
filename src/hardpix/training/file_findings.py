"""Findings about the files of a training: of each part, of both together, and which maps need not be mended."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hardpix.data import ClassTable, Problem
from hardpix.data.map_kind import MapKind
from hardpix.data.mask_palettes import palettes_that_contradict
from hardpix.data.problems import NEVER_OCCURS
from hardpix.data.unlabeled import ids_that_never_occur
from hardpix.training.split_findings import in_both
from hardpix.training.split_plan import Part, SplitPlan, split_stems


def findings_of_files(
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


def is_checked_in_validation(kind: MapKind) -> bool:
    """True where faults of maps must be mended in validation images, too: not for optional maps that it never reads."""
    return kind.needed or not kind.training_only


def maps_not_needed(train: Part, val_share: float, val_stems: str | None) -> set[Path]:
    """Maps of images that will be held out and need none: whatever is wrong with them need not be mended."""
    folders = train.folders
    maps = [folders.files[kind.folder] for kind in folders.kinds if not is_checked_in_validation(kind)]
    if not maps:
        return set()
    try:
        held_out = split_stems(train.report.stems, val_share, val_stems).val
    except ValueError:  # said where the split is made
        return set()
    return {path for found in maps for stem in held_out for path in found.get(stem, [])}
