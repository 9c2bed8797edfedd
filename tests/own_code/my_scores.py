"""A figure of a report, as a user would write it."""

from __future__ import annotations

import numpy as np

from hardpix.diagnosis.scores import Column, ImageMaps, Score


class SureAndWrong(Score):
    """Wrong pixels of which the network is surer than `level`."""

    columns = (Column("sure", "Sure and wrong", {"set", "image"}, "count", "low", "Wrong pixels of high confidence."),)

    def __init__(self, level: float = 0.0) -> None:
        self.level = level

    def count(self, maps: ImageMaps) -> np.ndarray | None:
        if maps.predicted_confidence is None:
            return None
        wrong = maps.pair.prediction != maps.pair.target
        return np.array([np.count_nonzero(wrong & (maps.predicted_confidence > self.level))])

    def compute(self, counts: np.ndarray) -> dict[str, int]:
        return {"sure": counts[0]}
