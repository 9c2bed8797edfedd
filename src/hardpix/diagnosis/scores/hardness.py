"""Hardness, or another signal: its ranking of the errors, and mIoU by tenths of the pixels, the lowest first."""

from __future__ import annotations

from typing import Any

import numpy as np

from hardpix.diagnosis.image_maps import ImageMaps
from hardpix.diagnosis.scores.base import Column, Score
from hardpix.diagnosis.shown_signal import HARDNESS, ShownSignal
from hardpix.metrics import error_ranking, iou_by_hardness, risk_at_coverage
from hardpix.metrics.error_histogram import count_values
from hardpix.metrics.fixed_point import LEVELS
from hardpix.metrics.hardness_deciles import HARDNESS_BINS, count_hardness
from hardpix.metrics.map_spread import MapSpread, caution_about

PARTS = 10


class Hardness(Score):
    """Right and wrong pixels by their hardness, or by the map of another signal under its own name."""

    def __init__(self, signal: ShownSignal = HARDNESS) -> None:
        self.signal = signal.words
        title, about = f"Mean {self.signal}", f"Mean of the {self.signal} map."
        self.columns = (Column("mean_hardness", title, {"image"}, "", None, about, "Signals"),)

    def count(self, maps: ImageMaps) -> np.ndarray | None:
        """A histogram of right and wrong pixels, and behind it the counts of the classes in bins of hardness."""
        if maps.hardness is None:
            return None
        parts = count_values(maps.hardness, maps.pair), count_hardness(maps.hardness, maps.pair)
        return np.concatenate([part.ravel() for part in parts])

    def compute(self, counts: np.ndarray) -> dict[str, Any]:
        pixels = _parts(counts)[0].sum(0)
        total = int(pixels.sum())
        return {"mean_hardness": float(pixels @ np.arange(LEVELS) / total / (LEVELS - 1)) if total else np.nan}

    def tables(self, counts: np.ndarray | None) -> dict[str, Any]:
        if counts is None:
            return {"hardness": None, "signal": self.signal}
        histogram, of_classes = _parts(counts)
        caution = caution_about(f"{self.signal} map", MapSpread.of_histogram(histogram.sum(0)))
        return {"hardness": _ranked(histogram, of_classes) | {"caution": caution}, "signal": self.signal}


def _parts(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return counts[: 2 * LEVELS].reshape(2, LEVELS), counts[2 * LEVELS :].reshape(3, HARDNESS_BINS, -1)


def _ranked(histogram: np.ndarray, of_classes: np.ndarray) -> dict[str, Any]:
    ranking, tenths = error_ranking(histogram), iou_by_hardness(of_classes, parts=PARTS)
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
