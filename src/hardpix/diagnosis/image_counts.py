"""Everything that is counted in one image: what the scores of the whole set are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from hardpix.diagnosis.settings import Settings
from hardpix.metrics import (
    LabelSuspects,
    MatchedObjects,
    ObjectCounts,
    boundary_error_counts,
    boundary_f_counts,
    boundary_iou_counts,
    cl_dice_counts,
    classify_errors,
    error_histogram,
    find_label_suspects,
    hardness_counts,
    match_objects,
    object_counts,
    thin_part_counts,
    thin_parts,
)
from hardpix.metrics.label_pair import length_in_pixels
from hardpix.metrics.windows import holds_several_classes, square

Counts = dict[str, np.ndarray]


@dataclass(frozen=True)
class ImageMaps:
    """One image's maps, of one height and width.

    Attributes:
        truth, prediction: (H, W) class indices as `Settings` has them.
        image: (H, W, 3) uint8.
        probabilities: (C, H, W), from 0 to 1: floats, or unsigned integers whose largest number means 1.
        confidence: (H, W), the same of the predicted class, where there are no probabilities of all classes.
        hardness: (H, W), from 0 to 1 likewise.
    """

    truth: np.ndarray
    prediction: np.ndarray
    image: np.ndarray | None = None
    probabilities: np.ndarray | None = None
    confidence: np.ndarray | None = None
    hardness: np.ndarray | None = None


@dataclass(frozen=True)
class ImageCounts:
    """What was found in one image; `counts` are int64 and add up over images."""

    counts: Counts
    objects: MatchedObjects
    kinds: np.ndarray
    """(H, W): an `ErrorKind`, 255 where unlabelled."""
    suspects: LabelSuspects | None


def count_image(maps: ImageMaps, settings: Settings, thresholds: np.ndarray | None = None) -> ImageCounts:
    """Count one image.

    Args:
        maps: of the image.
        settings: of the diagnosis.
        thresholds: (C,) of confident learning; without them, or without probabilities, no label is suspected.

    Raises:
        ValueError: maps that do not fit each other; ids outside the classes; probabilities that are none.
    """
    pair = (maps.prediction, maps.truth)
    classes, void = settings.num_classes, settings.void
    objects = match_objects(*pair, classes, void)
    kinds = classify_errors(objects, settings.radius)
    sizes = object_counts(objects, settings.sizes, settings.radius)
    counts = {
        "kinds": kinds.counts.numpy(),
        "displaced": kinds.displaced.numpy(),
        **{f"objects.{field.name}": getattr(sizes, field.name).numpy() for field in fields(ObjectCounts)},
        "boundary_iou": boundary_iou_counts(*pair, classes, void, widths=[settings.band]),
        "boundary_f": boundary_f_counts(*pair, classes, void, tolerances=[settings.tolerance]),
        "boundary_errors": boundary_error_counts(*pair, classes, void),
        "thin": thin_part_counts(*pair, classes, void, radii=[settings.thin_radius]),
    }
    if settings.lines:
        counts["cl_dice"] = cl_dice_counts(*pair, classes, settings.lines, void)
    if maps.hardness is not None:
        counts["hardness.errors"] = error_histogram(maps.hardness, *pair, classes, void)
        counts["hardness.classes"] = hardness_counts(maps.hardness, *pair, classes, void)
    counts |= calibration_counts(maps, settings)
    suspects = None
    if maps.probabilities is not None and thresholds is not None:
        suspects = find_label_suspects(
            maps.probabilities, maps.truth, thresholds, void, tolerance=settings.suspect_tolerance
        )
        counts["suspects"] = suspects.counts
    return ImageCounts(counts, objects, kinds.map, suspects)


def calibration_counts(maps: ImageMaps, settings: Settings) -> Counts:
    """Right and wrong pixels by confidence: of all, within the band along the borders, in thin parts; nothing without
    a confidence."""
    confidence = confidence_of(maps)
    if confidence is None:
        return {}
    band = holds_several_classes(maps.truth, square(length_in_pixels(settings.band, maps.truth.shape)))
    parts = {"overall": None, "borders": band, "thin": thin_parts(maps.truth, settings.thin_radius)}
    return {
        f"confidence.{name}": error_histogram(
            confidence, maps.prediction, maps.truth, settings.num_classes, settings.void, mask
        )
        for name, mask in parts.items()
    }


def confidence_of(maps: ImageMaps) -> np.ndarray | None:
    """(H, W): the probability of the predicted class; None where nothing tells. Unlabelled pixels hold anything."""
    if maps.probabilities is None:
        return maps.confidence
    predicted = np.minimum(maps.prediction, len(maps.probabilities) - 1).astype(np.intp)
    return np.take_along_axis(maps.probabilities, predicted[None], axis=0)[0]


def add_counts(total: Counts, counts: Mapping[str, Any]) -> None:
    """Add the counts of one or more images to a total."""
    for key, value in counts.items():
        if key in total:
            total[key] += value
        else:
            total[key] = value.copy()
