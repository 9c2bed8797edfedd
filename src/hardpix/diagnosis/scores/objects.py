"""Objects: found, missed and invented ones, and scores by their size."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import torch

from hardpix.diagnosis.image_maps import ImageMaps
from hardpix.diagnosis.scores.base import Column, Score
from hardpix.diagnosis.settings import Settings
from hardpix.metrics import ObjectCounts, mean_iou, miou_if_fixed_by_size, object_scores

GROUP = "Objects"


class Objects(Score):
    """Connected parts of truth and prediction."""

    columns = (
        Column("objects", "Objects", {"class", "image"}, "count", None, "Connected parts of the truth.", GROUP),
        Column("object_size", "Mean object", {"class"}, "px", None, "Mean number of pixels of an object.", GROUP),
        Column(
            "missed_objects",
            "Missed",
            {"class"},
            "count",
            "low",
            "Objects of which less than a quarter is found.",
            GROUP,
        ),
        Column(
            "missed_objects",
            "Missed objects",
            {"image"},
            "count",
            "low",
            "Of which less than a quarter is found.",
            GROUP,
        ),
        Column(
            "object_recall", "Objects found", {"class"}, "%", "high", "Share of the objects that are not missed.", GROUP
        ),
        Column(
            "false_objects",
            "False objects",
            {"class", "image"},
            "count",
            "low",
            "Predicted parts with none of the class near.",
            GROUP,
        ),
    )

    def __init__(self, settings: Settings) -> None:
        self.sizes = settings.sizes

    def count(self, maps: ImageMaps) -> np.ndarray:
        """(S, C + 5, C): the confusion matrix of each size band, below it a row for each of the other counts."""
        found = maps.sizes
        rows = (found.false_pixels, found.objects, found.missed, found.predicted, found.false)
        return torch.cat([found.confusion, torch.stack(rows, dim=1)], dim=1).numpy()

    def compute(self, counts: np.ndarray) -> dict[str, Any]:
        objects = _parts(counts)
        truth, there, missed = objects.confusion.sum((0, 2)), objects.objects.sum(0), objects.missed.sum(0)
        return {
            "objects": there,
            "object_size": truth / there,
            "missed_objects": missed,
            "object_recall": 1 - missed / there,
            "false_objects": objects.false.sum(0),
        }

    def compute_image(self, counts: np.ndarray) -> dict[str, Any]:
        objects = _parts(counts)
        return {
            "objects": objects.objects.sum(),
            "missed_objects": objects.missed.sum(),
            "false_objects": objects.false.sum(),
        }

    def tables(self, counts: np.ndarray | None) -> dict[str, Any]:
        assert counts is not None
        objects = _parts(counts)
        scores, miou = object_scores(objects), mean_iou(objects.confusion.sum(0))
        return {
            "size_bands": size_bands(self.sizes),
            "size_scores": {
                "recall": scores["class_recall"].numpy(),
                "iou": scores["class_iou"].numpy(),
                "missed": objects.missed.numpy(),
                "false": objects.false.numpy(),
                "objects": objects.objects.numpy(),
                "cost": (miou_if_fixed_by_size(objects.confusion) - miou).numpy(),
            },
        }


def _parts(counts: np.ndarray) -> ObjectCounts:
    whole, classes = torch.from_numpy(counts), counts.shape[-1]
    return ObjectCounts(whole[:, :classes], *whole[:, classes:].unbind(1))


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
