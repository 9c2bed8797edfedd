"""From the counts of all images to the scores of a report."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import torch

from hardpix.diagnosis.image_counts import Counts
from hardpix.diagnosis.settings import Settings
from hardpix.metrics import (
    ErrorKind,
    ObjectCounts,
    boundary_error_scores,
    boundary_f_scores,
    boundary_iou_scores,
    cl_dice_scores,
    class_dice,
    class_iou,
    class_precision,
    errors_by_class,
    frequency_weighted_iou,
    mean_accuracy,
    mean_dice,
    mean_iou,
    mended_by_class,
    mended_by_class_and_kind,
    mended_by_kind,
    mended_by_size,
    mended_miou,
    object_scores,
    pixel_accuracy,
    thin_part_scores,
)

KINDS = {
    "displaced": (
        "Displaced border",
        (86, 180, 233),
        "Where the border of the two classes is in truth and prediction alike, at most {radius} px apart.",
    ),
    "missed": (
        "Missed object",
        (213, 94, 0),
        "In an object of the truth of which less than a quarter is found: overlooked, or taken for another class.",
    ),
    "false": (
        "False response",
        (240, 228, 66),
        "In a predicted object with none of its class in the truth within {radius} px.",
    ),
    "confused": ("Confused parts", (204, 121, 167), "The rest: a part of an object taken for another class."),
}
MOST_PAIRS = 400


def summarise(counts: Counts, settings: Settings) -> dict[str, Any]:
    """Scores, kinds of error, pairs, sizes and the confusion matrix, as the page has them."""
    kinds = torch.from_numpy(counts["kinds"])
    confusion = kinds.sum(0)
    objects = ObjectCounts(*(torch.from_numpy(counts[f"objects.{name}"]) for name in ObjectCounts.__dataclass_fields__))
    miou = mean_iou(confusion)
    costs = (mended_by_class_and_kind(kinds) - miou).numpy()
    return {
        "scores": _scores(counts, confusion, settings),
        "class_scores": _class_scores(counts, kinds, objects, settings),
        "kinds": _kinds(kinds, settings),
        "class_kinds": {
            "pixels": errors_by_class(kinds)[1:].numpy(),
            "cost": costs[1:],
            "cost_together": costs[: ErrorKind.RIGHT + 1],
        },
        "displaced_by": counts["displaced"].sum((1, 2)),
        "pairs": _pairs(confusion, miou),
        "size_bands": size_bands(settings.sizes),
        "size_scores": {
            "recall": object_scores(objects)["class_recall"].numpy(),
            "iou": object_scores(objects)["class_iou"].numpy(),
            "missed": objects.missed.numpy(),
            "false": objects.false.numpy(),
            "objects": objects.objects.numpy(),
            "cost": (mended_by_size(objects.confusion) - miou).numpy(),
        },
        "confusion": confusion.numpy(),
    }


def _scores(counts: Counts, confusion: torch.Tensor, settings: Settings) -> dict[str, float]:
    thin, border = thin_part_scores(counts["thin"]), boundary_error_scores(counts["boundary_errors"])
    scores = {
        "miou": mean_iou(confusion),
        "boundary_miou": boundary_iou_scores(counts["boundary_iou"])["mean_boundary_iou"][0],
        "accuracy": pixel_accuracy(confusion),
        "thin_recall": thin["mean_thin_recall"][0],
        "mean_accuracy": mean_accuracy(confusion),
        "fw_iou": frequency_weighted_iou(confusion),
        "dice": mean_dice(confusion),
        "boundary_f": boundary_f_scores(counts["boundary_f"])["mean_boundary_f"][0],
        "ferr": border["false_response"],
        "merr": border["merging_mistake"],
        "derr": border["displacement"],
        "thin_iou": thin["mean_thin_iou"][0],
    }
    if settings.lines:
        scores["cl_dice"] = cl_dice_scores(counts["cl_dice"])["mean_cl_dice"]
    return {key: float(value) for key, value in scores.items()}


def _class_scores(
    counts: Counts, kinds: torch.Tensor, objects: ObjectCounts, settings: Settings
) -> dict[str, np.ndarray]:
    confusion = kinds.sum(0)
    truth, wrong = confusion.sum(1), errors_by_class(kinds)[1:]
    thin, border = thin_part_scores(counts["thin"]), boundary_error_scores(counts["boundary_errors"])
    there, missed = objects.objects.sum(0), objects.missed.sum(0)
    scores = {
        "share": truth / truth.sum(),
        "iou": class_iou(confusion),
        "recall": confusion.diagonal() / truth,
        "precision": class_precision(confusion),
        "dice": class_dice(confusion),
        "boundary_iou": boundary_iou_scores(counts["boundary_iou"])["boundary_iou"][0],
        "boundary_f": boundary_f_scores(counts["boundary_f"])["boundary_f"][0],
        "ferr": border["false_response_class"],
        "merr": border["merging_mistake_class"],
        "derr": border["displacement_class"],
        "thin_share": torch.from_numpy(counts["thin"][1, 0]) / truth,
        "thin_recall": thin["thin_recall"][0],
        "thin_iou": thin["thin_iou"][0],
        "wrong": truth + confusion.sum(0) - 2 * confusion.diagonal(),
        "worth": mended_by_class(confusion, confusion) - mean_iou(confusion),
        **{name: wrong[k] / wrong.sum(0) for k, name in enumerate(KINDS)},
        "objects": there,
        "object_size": truth / there,
        "missed_objects": missed,
        "object_recall": 1 - missed / there,
        "false_objects": objects.false.sum(0),
    }
    if settings.lines:
        lines = np.full(settings.num_classes, np.nan)
        lines[list(settings.lines)] = cl_dice_scores(counts["cl_dice"])["cl_dice"]
        scores["cl_dice"] = lines
    return {key: np.asarray(value) for key, value in scores.items()}


def _kinds(kinds: torch.Tensor, settings: Settings) -> list[dict[str, Any]]:
    mended = mended_by_kind(kinds)
    pixels = kinds[1:].sum((1, 2))
    return [
        {
            "key": key,
            "title": title,
            "about": about.format(radius=settings.radius),
            "pixels": int(pixels[k]),
            "share_of_errors": float(pixels[k] / pixels.sum()),
            "cost": float(mended[k + 1] - mended[ErrorKind.RIGHT]),
            "colour": colour,
        }
        for k, (key, (title, colour, about)) in enumerate(KINDS.items())
    ]


def _pairs(confusion: torch.Tensor, miou: torch.Tensor) -> list[dict[str, Any]]:
    """The classes taken for others, the most pixels first, and what mending them would add."""
    wrong = confusion - confusion.diagonal().diag_embed()
    order = wrong.flatten().argsort(descending=True, stable=True)[:MOST_PAIRS].tolist()
    rows = []
    for true, predicted in (divmod(place, len(wrong)) for place in order):
        pixels = int(wrong[true, predicted])
        if pixels:
            mended = torch.zeros_like(wrong)
            mended[true, predicted] = pixels
            cost = float(mended_miou(confusion, mended) - miou)
            rows.append({"true": true, "predicted": predicted, "pixels": pixels, "cost": cost})
    return rows


def size_bands(limits: tuple[float, ...]) -> list[dict[str, Any]]:
    """The bands in short, and in words.

    Example:
        >>> [band["title"] for band in size_bands((100, 2500))]
        ['< 100 px', '100–2,500 px', '≥ 2,500 px']
        >>> [band["words"] for band in size_bands((0.001,))]
        ['below 0.1 % of the image', 'of 0.1 % of the image or more']
    """
    shares = limits[0] < 1
    texts = [f"{100 * limit:g}" if shares else f"{limit:,g}" for limit in limits]
    unit, whole = (" %", " % of the image") if shares else (" px", " pixels")
    middle = list(pairwise(texts))
    titles = [f"< {texts[0]}", *(f"{low}–{high}" for low, high in middle), f"≥ {texts[-1]}"]
    words = [f"below {texts[0]}{whole}", *(f"of {low} to {high}{whole}" for low, high in middle)]
    words.append(f"of {texts[-1]}{whole} or more")
    edges = [0.0, *limits, None]
    return [
        {"title": title + unit, "words": said, "low": low, "high": high}
        for title, said, (low, high) in zip(titles, words, pairwise(edges), strict=True)
    ]
