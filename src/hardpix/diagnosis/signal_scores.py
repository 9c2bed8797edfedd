"""From the counts of all images to what a report says of hardness and of confidence."""

from __future__ import annotations

from typing import Any

import numpy as np

from hardpix.diagnosis.image_counts import Counts
from hardpix.metrics import calibration_error, error_ranking, iou_by_hardness, reliability_diagram, risk_at_coverage

BINS = 15
PARTS = 10


def hardness_scores(counts: Counts) -> dict[str, Any] | None:
    """How well the hardness map ranks the errors, and mIoU from the easiest tenth of the pixels to the hardest."""
    if "hardness.errors" not in counts:
        return None
    histogram = counts["hardness.errors"]
    ranking = error_ranking(histogram)
    tenths = iou_by_hardness(counts["hardness.classes"], parts=PARTS)
    starts = [*tenths["hardness"].tolist(), 1.0]
    coverage = np.linspace(0.01, 1, 100)
    return {
        "auroc": ranking["auroc"],
        "aurc": ranking["aurc"],
        "aurc_best": ranking["aurc_perfect"],
        "aurc_random": ranking["aurc_random"],
        "deciles": [
            {"low": starts[k], "high": starts[k + 1], "miou": tenths["miou"][k], "errors": 1 - tenths["accuracy"][k]}
            for k in range(PARTS)
        ],
        "coverage": coverage,
        "risk": risk_at_coverage(histogram, coverage),
    }


def calibration_scores(counts: Counts) -> dict[str, Any] | None:
    """Whether the network is as often right as it says: of all pixels, near borders, in thin parts."""
    parts = ("overall", "borders", "thin")
    found = {part: counts[f"confidence.{part}"] for part in parts if f"confidence.{part}" in counts}
    return {part: _calibration(histogram) for part, histogram in found.items()} or None


def _calibration(histogram: np.ndarray) -> dict[str, Any]:
    diagram = reliability_diagram(histogram, BINS)
    pixels = int(histogram.sum())
    # How far it is off on the whole, and in which direction: positive where it is too sure.
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
