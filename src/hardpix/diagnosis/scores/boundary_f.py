"""F-score of the boundaries."""

from __future__ import annotations

from typing import Any

import numpy as np

from hardpix.diagnosis.image_maps import ImageMaps
from hardpix.diagnosis.scores.base import Column, Score
from hardpix.diagnosis.settings import Settings
from hardpix.metrics import boundary_f_scores
from hardpix.metrics.boundary_f import count_boundary_f


class BoundaryF(Score):
    """Harmonic mean of the shares of predicted and true boundary pixels that have a counterpart."""

    def __init__(self, settings: Settings) -> None:
        self.tolerance = settings.tolerance
        about = f"F-score of the boundaries, {self.tolerance} px apart at most."
        self.columns = (Column("boundary_f", "Boundary F-score", {"set", "class"}, "%", "high", about, "Borders"),)

    def count(self, maps: ImageMaps) -> np.ndarray:
        return count_boundary_f(maps.pair, [self.tolerance])

    def compute(self, counts: np.ndarray) -> dict[str, Any]:
        return {"boundary_f": boundary_f_scores(counts)["boundary_f"][0]}
