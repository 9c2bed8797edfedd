"""Findings about the images of each part once they are chosen: classes, labels, maps, and the measured range."""

from __future__ import annotations

from dataclasses import replace

from hardpix.data import DataError
from hardpix.data.range_doubts import range_doubts
from hardpix.data.wording import counted
from hardpix.training.split_findings import (
    lacking_maps,
    nothing_labeled,
    trained_on_and_validated_on,
    trained_on_twice,
    unlearnable_classes,
)
from hardpix.training.split_plan import SplitPlan


def with_findings_of_parts(plan: SplitPlan) -> SplitPlan:
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
