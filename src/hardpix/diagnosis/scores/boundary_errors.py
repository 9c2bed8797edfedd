"""Errors in the bands along borders: FErr, MErr, DErr (arXiv 2403.09065)."""

from __future__ import annotations

from typing import Any

import numpy as np

from hardpix.diagnosis.image_maps import ImageMaps
from hardpix.diagnosis.scores.base import Column, Score
from hardpix.metrics import boundary_error_scores
from hardpix.metrics.boundary_errors import count_boundary_errors

BANDS = "Lower is better. Bands of 15×15 pixels; the three overlap and do not add up (arXiv 2403.09065)."


class BoundaryErrors(Score):
    """Error in the band along predicted borders, along true borders, and where both are."""

    columns = (
        Column(
            "ferr", "FErr", {"set"}, "%", "low", f"False responses: error in the predicted band. {BANDS}", "Borders"
        ),
        Column("merr", "MErr", {"set"}, "%", "low", f"Merging mistakes: error in the true band. {BANDS}", "Borders"),
        Column("derr", "DErr", {"set"}, "%", "low", f"Displacements: error where both bands are. {BANDS}", "Borders"),
        Column("ferr", "FErr", {"class"}, "%", "low", f"Error in the predicted band. {BANDS}", "Borders"),
        Column("merr", "MErr", {"class"}, "%", "low", f"Error in the true band. {BANDS}", "Borders"),
        Column("derr", "DErr", {"class"}, "%", "low", f"Error where both bands are. {BANDS}", "Borders"),
    )

    def count(self, maps: ImageMaps) -> np.ndarray:
        return count_boundary_errors(maps.pair)

    def compute(self, counts: np.ndarray) -> dict[str, Any]:
        scores = boundary_error_scores(counts)
        names = {"ferr": "false_response", "merr": "merging_mistake", "derr": "displacement"}
        return {key: scores[f"{name}_class"] for key, name in names.items()}
