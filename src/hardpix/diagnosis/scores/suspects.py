"""Suspect labels: pixels of which the network is sure that they are of another class (arXiv 1911.00068)."""

from __future__ import annotations

from typing import Any

import numpy as np

from hardpix.diagnosis.image_maps import ImageMaps
from hardpix.diagnosis.scores.base import Column, Score


class SuspectLabels(Score):
    """The share of suspect labels; the regions themselves are among the findings of the image."""

    columns = (
        Column(
            "suspects",
            "Suspect labels",
            {"image"},
            "%",
            None,
            "Share of labeled pixels whose label may be wrong.",
            "Signals",
        ),
    )

    def count(self, maps: ImageMaps) -> np.ndarray | None:
        """Suspect pixels, and labeled ones."""
        if maps.suspects is None:
            return None
        return np.array([np.count_nonzero(maps.suspects.suspected >= 0), np.count_nonzero(maps.pair.valid)])

    def compute(self, counts: np.ndarray) -> dict[str, Any]:
        suspect, labeled = counts.tolist()
        return {"suspects": suspect / labeled if labeled else np.nan}
