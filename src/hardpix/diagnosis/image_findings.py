"""Findings about one image: its scores, its errors, its objects, its suspect labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from hardpix.diagnosis.image_maps import ImageMaps
from hardpix.metrics import ErrorKind, class_iou
from hardpix.metrics.suspect_regions import regions_in

# Kept of one image: the largest objects that were missed, the largest that were invented, and suspect regions.
MOST_MISSED, MOST_FALSE, MOST_SUSPECTS = 60, 20, 50
# A network that gives a class less than this, on average where it is the label, does not know it.
KNOWN = 0.5


@dataclass(frozen=True)
class ImageFindings:
    """Scores of one image by column, its details, the main suspect regions, and the number of mislabeled ones."""

    row: dict[str, float]
    details: dict[str, Any]
    suspects: list[dict[str, Any]]
    suspect_regions: int


def describe_image(maps: ImageMaps, row: dict[str, float]) -> ImageFindings:
    """Everything about one image that is not summed over the set; `row` has its scores by column."""
    suspects = _suspects(maps)
    mislabeled = sum(suspect["mislabelled"] for suspect in suspects)
    return ImageFindings(row, _details(maps), suspects[:MOST_SUSPECTS], mislabeled)


def _details(maps: ImageMaps) -> dict[str, Any]:
    wrong = maps.kinds.counts.numpy().copy()
    wrong[ErrorKind.RIGHT] = 0
    errors = [[t, p, kind - 1, int(wrong[kind, t, p])] for kind, t, p in np.argwhere(wrong).tolist()]
    by_band = maps.sizes.confusion.numpy()
    lost = by_band.sum(-1) - np.diagonal(by_band, axis1=1, axis2=2)
    bands = [[class_, band, int(lost[band, class_])] for band, class_ in np.argwhere(lost).tolist()]
    iou = class_iou(torch.from_numpy(maps.confusion))
    return {"kinds": errors, "bands": bands, "objects": _objects(maps), "class_iou": iou.tolist()}


def _objects(maps: ImageMaps) -> list[dict[str, Any]]:
    """Missed objects, then invented ones, the largest first."""
    objects = maps.objects
    truth, predicted = objects.truth, objects.predicted
    rows = []
    for components, chosen, most in (
        (truth, objects.missed, MOST_MISSED),
        (predicted, objects.false(maps.settings.radius), MOST_FALSE),
    ):
        numbers = np.flatnonzero(chosen)
        for number in numbers[np.argsort(-components.area[numbers], kind="stable")][:most].tolist():
            top, left, bottom, right = components.box[number].tolist()
            area = int(components.area[number])
            found = None if components is predicted else float(objects.found[number] / area)
            rows.append(
                {
                    "class": int(components.label[number]),
                    "area": area,
                    "box": [top, left, bottom - top, right - left],
                    "found": found,
                }
            )
    return rows


def _suspects(maps: ImageMaps) -> list[dict[str, Any]]:
    """Suspect regions, possibly mislabeled ones first.

    Each group is sorted by (pixels corrected by relabeling) × (mean confidence in the given class). A network that
    never finds signs says nothing about a sign's label by missing it, nor does one that still finds the label the
    likelier of the two. Confident learning measures each class by the mean confidence in it, which is low for a class
    that is hardly found.
    """
    thresholds = maps.thresholds
    if maps.suspects is None or maps.probabilities is None or thresholds is None:
        return []
    _, truth, valid, _ = maps.pair
    regions = regions_in(maps.suspects.suspected, maps.probabilities, truth, valid)
    found = [
        {
            "given": region.given,
            "suspected": region.suspected,
            "area": region.area,
            "margin": region.margin,
            "box": [region.box[0], region.box[1], region.box[2] - region.box[0], region.box[3] - region.box[1]],
            "rank_score": region.score * float(thresholds[region.given]),
            "mislabelled": bool(thresholds[region.given] >= KNOWN and region.margin > 0),
        }
        for region in regions
    ]
    return sorted(found, key=lambda suspect: (not suspect["mislabelled"], -suspect["rank_score"]))
