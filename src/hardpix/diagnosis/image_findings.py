"""What a report shows of one image: its scores, its errors, its objects, its suspect labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from hardpix.diagnosis.image_counts import ImageCounts, ImageMaps
from hardpix.diagnosis.settings import Settings
from hardpix.diagnosis.summary import KINDS
from hardpix.metrics import (
    ErrorKind,
    MatchedObjects,
    boundary_iou_scores,
    calibration_error,
    class_iou,
    suspect_regions,
    thin_part_scores,
)

# Of one image: the largest objects that were missed, and the largest that were invented.
MOST_MISSED, MOST_FALSE, MOST_SUSPECTS = 60, 20, 50
# A network that gives a class less than this, on average where it is the label, does not know it.
KNOWN = 0.5


@dataclass(frozen=True)
class ImageFindings:
    """Of one image: its place in each column, its details, the suspect regions that matter most, and how many there are
    that may be mislabelled."""

    row: dict[str, float | None]
    details: dict[str, Any]
    suspects: list[dict[str, Any]]
    suspect_regions: int


def describe_image(
    maps: ImageMaps, counts: ImageCounts, settings: Settings, thresholds: np.ndarray | None = None
) -> ImageFindings:
    """Everything about one image that is not summed over the set; `thresholds` as `count_image` had them."""
    kinds = counts.counts["kinds"]
    confusion = kinds.sum(0)
    iou = class_iou(torch.from_numpy(confusion)).numpy()
    labelled = int(confusion.sum())
    right = int(np.trace(confusion))

    def share(pixels: int) -> float | None:
        return pixels / labelled if labelled else None

    row: dict[str, float | None] = {
        "errors": share(labelled - right),
        "miou": _mean(iou),
        "boundary_iou": float(boundary_iou_scores(counts.counts["boundary_iou"])["mean_boundary_iou"][0]),
        "thin_recall": float(thin_part_scores(counts.counts["thin"])["all_thin_recall"][0]),
    }
    row |= {name: share(int(kinds[kind].sum())) for name, kind in zip(KINDS, list(ErrorKind)[1:], strict=True)}
    objects, missed = counts.counts["objects.objects"].sum(), counts.counts["objects.missed"].sum()
    row |= {"objects": int(objects), "missed_objects": int(missed)}
    row["false_objects"] = int(counts.counts["objects.false"].sum())
    if "hardness.errors" in counts.counts:
        pixels = counts.counts["hardness.errors"].sum(0)
        total = int(pixels.sum())
        row["mean_hardness"] = float(pixels @ np.arange(len(pixels)) / total / (len(pixels) - 1)) if total else None
    if "confidence.overall" in counts.counts:
        row["ece"] = calibration_error(counts.counts["confidence.overall"])
    suspects = _suspects(maps, counts, settings, thresholds)
    mislabelled = sum(suspect["mislabelled"] for suspect in suspects)
    if counts.suspects is not None:
        row["suspects"] = share(int((counts.suspects.suspected >= 0).sum()))
    return ImageFindings(row, _details(counts, iou, settings), suspects[:MOST_SUSPECTS], mislabelled)


def _details(counts: ImageCounts, iou: np.ndarray, settings: Settings) -> dict[str, Any]:
    wrong = counts.counts["kinds"].copy()
    wrong[ErrorKind.RIGHT] = 0
    errors = [[t, p, kind - 1, int(wrong[kind, t, p])] for kind, t, p in np.argwhere(wrong).tolist()]
    by_band = counts.counts["objects.confusion"]
    lost = by_band.sum(-1) - np.diagonal(by_band, axis1=1, axis2=2)
    bands = [[class_, band, int(lost[band, class_])] for band, class_ in np.argwhere(lost).tolist()]
    return {"kinds": errors, "bands": bands, "objects": _objects(counts.objects, settings), "class_iou": iou.tolist()}


def _objects(objects: MatchedObjects, settings: Settings) -> list[dict[str, Any]]:
    """Missed objects, then invented ones, the largest first."""
    truth, predicted = objects.truth, objects.predicted
    rows = []
    for components, chosen, most in (
        (truth, objects.missed, MOST_MISSED),
        (predicted, objects.false(settings.radius), MOST_FALSE),
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


def _suspects(
    maps: ImageMaps, counts: ImageCounts, settings: Settings, thresholds: np.ndarray | None
) -> list[dict[str, Any]]:
    """Suspect regions, first those that may be mislabelled, each sort ranked by the pixels that relabelling would mend
    times how sure the network is, on average, of the class that they are labelled as.

    Who never finds signs says nothing about a sign's label by missing it. Nor does a network that still finds the label
    the likelier of the two: confident learning measures each class by how sure the network is of it on average, which
    is little for a class that it hardly finds.
    """
    if counts.suspects is None or maps.probabilities is None or thresholds is None:
        return []
    regions = suspect_regions(counts.suspects.suspected, maps.probabilities, maps.truth, settings.void)
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


def _mean(values: np.ndarray) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None
