"""Boundary IoU (arXiv 2103.16562)."""

from __future__ import annotations

from typing import Any

import numpy as np

from hardpix.diagnosis.image_maps import ImageMaps
from hardpix.diagnosis.scores.base import Column, Score
from hardpix.diagnosis.settings import Settings
from hardpix.metrics import boundary_iou_scores
from hardpix.metrics.boundary_iou import count_boundary_iou

# Two scores that stand side by side, and are not the same.
TWO_BORDER_SCORES = (
    "mIoU near borders is mIoU over the pixels within 3 px of a border in the masks, whatever class they have. "
    "Boundary mIoU compares outlines: the band along the outline of each class in the masks with that in the "
    "prediction."
)


class BoundaryIoU(Score):
    """IoU within a band along the borders."""

    def __init__(self, settings: Settings) -> None:
        self.band = settings.band
        about = (
            f"IoU within a band of {settings.band_title} along the borders (arXiv 2103.16562): inside the outline of "
            "the class in the masks, and in the prediction. It asks whether outlines agree. mIoU near borders asks "
            "which of the pixels around the borders of the masks are right."
        )
        self.columns = (
            Column("boundary_miou", "Boundary mIoU", {"set"}, "%", "high", about, "Borders", headline=2),
            Column("boundary_iou", "Boundary IoU", {"class", "image"}, "%", "high", about, "Borders"),
        )

    def count(self, maps: ImageMaps) -> np.ndarray:
        return count_boundary_iou(maps.pair, [self.band])

    def compute(self, counts: np.ndarray) -> dict[str, Any]:
        scores = boundary_iou_scores(counts)
        return {"boundary_miou": scores["mean_boundary_iou"][0], "boundary_iou": scores["boundary_iou"][0]}
