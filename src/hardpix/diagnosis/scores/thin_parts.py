"""Scores of thin parts: of what a morphological opening removes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from hardpix.diagnosis.image_maps import ImageMaps
from hardpix.diagnosis.scores.base import Column, Score
from hardpix.diagnosis.settings import Settings
from hardpix.metrics import thin_part_scores
from hardpix.metrics.thin_parts import count_thin_parts

GROUP = "Thin parts"


class ThinParts(Score):
    """Recall and IoU of thin parts; in an image the recall of those of all classes together."""

    def __init__(self, settings: Settings) -> None:
        self.radius = settings.thin_radius
        thin = f"thin is what a disc of radius {self.radius} px has no room in."
        mean, found = f"Mean over the classes; {thin}", f"Share that is found; {thin}"
        among = f"Found among thin and false pixels; {thin}"
        self.columns = (
            Column("thin_recall", "Recall of thin parts", {"set"}, "%", "high", mean, GROUP, headline=4),
            Column("thin_iou", "IoU of thin parts", {"set"}, "%", "high", mean, GROUP),
            Column("thin_share", "Share that is thin", {"class"}, "%", None, f"Of the class's pixels; {thin}", GROUP),
            Column("thin_recall", "Thin recall", {"class", "image"}, "%", "high", found, GROUP),
            Column("thin_iou", "Thin IoU", {"class"}, "%", "high", among, GROUP),
        )

    def count(self, maps: ImageMaps) -> np.ndarray:
        """(4, C): found, thin and false pixels, and all of the class."""
        return np.stack([*count_thin_parts(maps.pair, [self.radius])[:, 0], maps.confusion.sum(1)])

    def compute(self, counts: np.ndarray) -> dict[str, Any]:
        scores = thin_part_scores(counts[:3, None])
        return {
            "thin_share": torch.from_numpy(counts[1]) / torch.from_numpy(counts[3]),
            "thin_recall": scores["thin_recall"][0],
            "thin_iou": scores["thin_iou"][0],
        }

    def compute_image(self, counts: np.ndarray) -> dict[str, Any]:
        return {"thin_recall": thin_part_scores(counts[:3, None])["all_thin_recall"][0]}
