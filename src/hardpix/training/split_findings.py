"""Findings about two parts of the data, one to train on and one to validate on, beyond those about single files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hardpix.data import ClassTable, ImagePaths, Problem, ProblemReport
from hardpix.data.same_files import same_files
from hardpix.data.wording import first_three, share_of
from hardpix.training.split_plan import Part


def in_both(training: ImagePaths, validation: ImagePaths) -> list[Problem]:
    """Images that would be trained on and scored, as where the one folder holds the other."""
    trained_on = {path.resolve() for paths in training.files["images"].values() for path in paths}
    advice = "let neither folder hold the other, or give one alone and say by val_stems or val_share what is held out"
    return [
        Problem("image to train on and to validate on", path, "an image of one of the two", "it in both", advice)
        for paths in validation.files["images"].values()
        for path in paths
        if path.resolve() in trained_on
    ]


def trained_on_and_validated_on(more: Part, val: Part) -> list[Problem]:
    """Further images to train on that are images to validate on, by their path or their content."""
    advice = "take it out of its folder: what is trained on cannot be scored"
    images = more.images
    return [
        Problem(
            "image to train on and to validate on", images[stem], "an image of one of the two", "it in both", advice
        )
        for stem in same_files(images, val.images.values())
    ]


def trained_on_twice(more: Part, train: Part) -> list[str]:
    """A sentence on further images that are among the training images already."""
    same = same_files(more.images, train.images.values())
    if not same:
        return []
    return [
        f"{share_of(same, len(more.stems))} of {more.folders.images} are training images already "
        f"({first_three(same)}): they are trained on twice, with both masks"
    ]


def nothing_labeled(masks: Path, use: str) -> Problem:
    """The problem of a part without a labeled pixel."""
    return Problem("nothing labeled", masks, f"labels of the images to {use}", "none", "label some of them")


def unlearnable_classes(classes: ClassTable, report: ProblemReport, class_pixels: Sequence[int]) -> list[str]:
    """Sentences about classes that none of the training images has, while those that are held out do.

    Args:
        classes: of the data.
        report: on the folder that both parts come from.
        class_pixels: number of training pixels of each class.

    Example:
        >>> table = ClassTable.from_names(["road", "car"])
        >>> report = ProblemReport(("a", "b"), table, {"a": {0: 6}, "b": {0: 5, 1: 1}}, {}, (), ())
        >>> unlearnable_classes(table, report, [6, 0])
        ['car: in no training image, so it cannot be learned; hold out other images (val_stems)']
    """
    seen = {classes.index_of(label) for labels in report.labels.values() for label in labels}
    return [
        f"{name}: in no training image, so it cannot be learned; hold out other images (val_stems)"
        for index, name in enumerate(classes.names)
        if index in seen and not class_pixels[index]
    ]


def lacking_maps(key: str, without: Sequence[str], count: int) -> str:
    """A sentence about training images that have no map of a kind.

    Example:
        >>> lacking_maps("depth", ["b"], 3)
        'depth: 1 of 3 training images have none (b); they are trained on without it'
    """
    some = ", ".join(without[:5]) + (", …" if len(without) > 5 else "")
    return f"{key}: {len(without)} of {count} training images have none ({some}); they are trained on without it"
