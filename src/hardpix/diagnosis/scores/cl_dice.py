"""clDice of line-like classes (arXiv 2003.07311)."""

from __future__ import annotations

from typing import Any

import numpy as np

from hardpix.diagnosis.image_maps import ImageMaps
from hardpix.diagnosis.scores.base import Column, Score
from hardpix.diagnosis.settings import Settings
from hardpix.metrics import cl_dice_scores
from hardpix.metrics.cl_dice import count_cl_dice


class ClDice(Score):
    """Agreement of the center lines of the classes that are line-like."""

    columns = (
        Column("cl_dice", "clDice", {"set"}, "%", "high", "Mean clDice of the line-like classes.", "Thin parts"),
        Column(
            "cl_dice",
            "clDice",
            {"class"},
            "%",
            "high",
            "Agreement of the center lines (arXiv 2003.07311).",
            "Thin parts",
        ),
    )

    def __init__(self, settings: Settings) -> None:
        self.num_classes, self.lines = settings.num_classes, settings.lines

    def count(self, maps: ImageMaps) -> np.ndarray:
        return count_cl_dice(maps.pair, self.lines)

    def compute(self, counts: np.ndarray) -> dict[str, Any]:
        scores = np.full(self.num_classes, np.nan)
        scores[list(self.lines)] = cl_dice_scores(counts)["cl_dice"]
        return {"cl_dice": scores}
