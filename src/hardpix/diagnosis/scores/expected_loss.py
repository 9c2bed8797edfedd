"""Reliability of a signal's map: the loss that it expects, and the loss that is measured."""

from __future__ import annotations

from typing import Any

import numpy as np

from hardpix.diagnosis.image_maps import ImageMaps
from hardpix.diagnosis.scores.base import Score
from hardpix.diagnosis.shown_signal import HARDNESS, ShownSignal
from hardpix.metrics.loss_by_level import loss_by_level, loss_counts

PARTS = 10


class ExpectedLoss(Score):
    """Cross-entropy by tenths of the map; beside it what the map expects, where it is one of expected loss."""

    def __init__(self, signal: ShownSignal = HARDNESS) -> None:
        self.expects_loss = signal.expects_loss

    def count(self, maps: ImageMaps) -> np.ndarray | None:
        """(2, 65536): pixels, and the sum of their losses, at each value of the map."""
        if maps.hardness is None or maps.label_confidence is None:
            return None
        return loss_counts(maps.hardness, maps.label_confidence, maps.pair.valid)

    def tables(self, counts: np.ndarray | None) -> dict[str, Any]:
        if counts is None or not counts[0].any():
            return {"expected_loss": None}
        found = loss_by_level(counts, PARTS)
        shown = ("value", "loss", "relative", *(["expected"] if self.expects_loss else []))
        off = np.abs(found["expected"] - found["relative"]).mean() if self.expects_loss else np.nan
        return {
            "expected_loss": {
                "mean": float(found["mean"]),
                "off": float(off),
                "deciles": [{key: found[key][k] for key in shown} for k in range(PARTS)],
            }
        }
