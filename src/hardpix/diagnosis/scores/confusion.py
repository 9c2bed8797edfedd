"""The confusion matrix, and the pairs of classes that are taken for each other most."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from hardpix.diagnosis.image_maps import ImageMaps
from hardpix.diagnosis.scores.base import Score
from hardpix.metrics import mean_iou, miou_if_fixed

MOST_PAIRS = 400


class ConfusedPairs(Score):
    """Pairs of confused classes, the most pixels first, and the Δ mIoU of correcting each."""

    def count(self, maps: ImageMaps) -> np.ndarray:
        return maps.confusion

    def tables(self, counts: np.ndarray | None) -> dict[str, Any]:
        assert counts is not None
        confusion = torch.from_numpy(counts)
        miou = mean_iou(confusion)
        wrong = confusion - confusion.diagonal().diag_embed()
        order = wrong.flatten().argsort(descending=True, stable=True)[:MOST_PAIRS].tolist()
        rows = []
        for true, predicted in (divmod(place, len(wrong)) for place in order):
            pixels = int(wrong[true, predicted])
            if pixels:
                corrected = torch.zeros_like(wrong)
                corrected[true, predicted] = pixels
                cost = float(miou_if_fixed(confusion, corrected) - miou)
                rows.append({"true": true, "predicted": predicted, "pixels": pixels, "cost": cost})
        return {"pairs": rows}


class ConfusionMatrix(Score):
    """Pixels by true and predicted class."""

    def count(self, maps: ImageMaps) -> np.ndarray:
        return maps.confusion

    def tables(self, counts: np.ndarray | None) -> dict[str, Any]:
        return {"confusion": counts}
