"""Calibration: whether the network is as often right as it says."""

from __future__ import annotations

from typing import Any

import numpy as np

from hardpix.diagnosis.image_maps import ImageMaps
from hardpix.diagnosis.scores.base import Column, Score
from hardpix.metrics import calibration_error, reliability_diagram, thin_parts
from hardpix.metrics.error_histogram import count_values
from hardpix.metrics.label_pair import length_in_pixels
from hardpix.metrics.windows import holds_several_classes, square

BINS = 15
PARTS = ("overall", "borders", "thin")


class Calibration(Score):
    """Right and wrong pixels by confidence: of all, within the band along the borders, in thin parts."""

    columns = (
        Column(
            "ece",
            "ECE",
            {"image"},
            "%",
            "low",
            "Expected calibration error: how far confidence is from accuracy.",
            "Signals",
        ),
    )

    def count(self, maps: ImageMaps) -> np.ndarray | None:
        """(3, 2, 65536): a histogram of right and wrong pixels for each part."""
        confidence = maps.predicted_confidence
        if confidence is None:
            return None
        truth = maps.pair.target
        band = holds_several_classes(truth, square(length_in_pixels(maps.settings.band, truth.shape)))
        masks = (None, band, thin_parts(truth, maps.settings.thin_radius))
        return np.stack([count_values(confidence, maps.pair, mask) for mask in masks])

    def compute(self, counts: np.ndarray) -> dict[str, Any]:
        return {"ece": calibration_error(counts[0])}

    def tables(self, counts: np.ndarray | None) -> dict[str, Any]:
        parts = None if counts is None else dict(zip(PARTS, map(_diagram, counts), strict=True))
        return {"calibration": parts}


def _diagram(histogram: np.ndarray) -> dict[str, Any]:
    diagram = reliability_diagram(histogram, BINS)
    pixels = int(histogram.sum())
    # Mean confidence minus accuracy: positive where the network is too sure.
    right = histogram[0].sum() / pixels if pixels else np.nan
    sure = histogram.sum(0) @ np.arange(histogram.shape[1]) / pixels / (histogram.shape[1] - 1) if pixels else np.nan
    return {
        "ece": calibration_error(histogram, BINS),
        "too_sure": float(sure - right),
        "bins": [
            {
                "low": k / BINS,
                "high": (k + 1) / BINS,
                "confidence": diagram["confidence"][k],
                "accuracy": diagram["accuracy"][k],
                "count": int(diagram["count"][k]),
            }
            for k in range(BINS)
        ],
    }
