"""Review: the errors that are found where the pixels, or the images, that a ranking puts first are checked."""

from __future__ import annotations

from typing import Any

import numpy as np

from hardpix.diagnosis.image_maps import ImageMaps
from hardpix.diagnosis.scores.base import Score
from hardpix.diagnosis.shown_signal import HARDNESS, ShownSignal
from hardpix.metrics import error_ranking, review_curve
from hardpix.metrics.error_histogram import count_values
from hardpix.metrics.fixed_point import LEVELS
from hardpix.metrics.loss_by_level import as_shares

# Rankings are compared on images that have both maps. Those that have one are counted apart.
SIGNAL_ALONE, CONFIDENCE_ALONE, SIGNAL, CONFIDENCE, PRODUCT = range(5)
# Values that means over an image are rounded to.
IMAGE_LEVELS = 4096
_PIXELS = 5 * 2 * LEVELS


class Review(Score):
    """Right and wrong pixels by the signal's map, by 1 − confidence, and by their product; images by the means."""

    def __init__(self, signal: ShownSignal = HARDNESS) -> None:
        doubt = "1 − confidence"
        keys = {SIGNAL: "signal", CONFIDENCE: "confidence", PRODUCT: "product"}
        titles = {SIGNAL: signal.words, CONFIDENCE: doubt, PRODUCT: f"{signal.words} × ({doubt})"}
        self.named = {row: {"key": keys[row], "title": titles[row]} for row in keys}
        self.named |= {SIGNAL_ALONE: self.named[SIGNAL], CONFIDENCE_ALONE: self.named[CONFIDENCE]}

    def count(self, maps: ImageMaps) -> np.ndarray | None:
        """Per ranking a histogram of right and wrong pixels, then one of images and of the wrong pixels in them."""
        level, confidence = maps.hardness, maps.predicted_confidence
        if level is None and confidence is None:
            return None
        valid = np.asarray(maps.pair.valid)
        shares = {}
        if level is not None:
            shares[SIGNAL_ALONE if confidence is None else SIGNAL] = _shares(level, valid)
        if confidence is not None:
            shares[CONFIDENCE_ALONE if level is None else CONFIDENCE] = 1 - _shares(confidence, valid)
        if level is not None and confidence is not None:
            shares[PRODUCT] = shares[SIGNAL] * shares[CONFIDENCE]
        counts = np.zeros(_PIXELS + 5 * 2 * IMAGE_LEVELS, dtype=np.int64)
        pixels, images = _parts(counts)
        for row, values in shares.items():
            # Roots keep the order, and small values apart that 16 bits would make one.
            stored = level if level is not None and row in (SIGNAL_ALONE, SIGNAL) else np.sqrt(values)
            pixels[row] = count_values(stored, maps.pair)
            if valid.any():
                place = round(float(values[valid].mean()) ** 0.5 * (IMAGE_LEVELS - 1))
                images[row, :, place] = 1, pixels[row, 1].sum()
        return counts

    def tables(self, counts: np.ndarray | None) -> dict[str, Any]:
        if counts is None:
            return {"review": None}
        pixels, images = _parts(counts)
        there = np.asarray(pixels.any(axis=(1, 2)))
        rows = [SIGNAL, CONFIDENCE, PRODUCT] if there[PRODUCT] else [SIGNAL_ALONE, CONFIDENCE_ALONE]
        rows = [row for row in rows if pixels[row, 1].any()]
        if not rows or (len(rows) == 2):
            return {"review": None}
        checked = np.linspace(0, 1, 101)
        rankings = [error_ranking(pixels[row]) for row in rows]
        return {
            "review": {
                "checked": checked,
                "rankings": [
                    {
                        **self.named[row],
                        "aurc": ranking["aurc"],
                        "auroc": ranking["auroc"],
                        "pixels": review_curve(pixels[row].sum(0), pixels[row, 1], checked),
                        "images": review_curve(images[row, 0], images[row, 1], checked),
                    }
                    for row, ranking in zip(rows, rankings, strict=True)
                ],
                "aurc_best": rankings[0]["aurc_perfect"],
                "aurc_random": rankings[0]["aurc_random"],
                "image_count": int(images[rows[0], 0].sum()),
            }
        }


def _shares(values: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """A map from 0 to 1 as floats, 0 where there is no label and the map may hold anything."""
    shares = np.zeros(valid.shape)
    shares[valid] = as_shares(values[valid])
    return shares


def _parts(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return counts[:_PIXELS].reshape(5, 2, LEVELS), counts[_PIXELS:].reshape(5, 2, IMAGE_LEVELS)
