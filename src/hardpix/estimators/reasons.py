"""Main reason why an image is expected to be labeled badly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hardpix.pixels.percent import percent


def main_reason(confusion: np.ndarray, iou: np.ndarray, usual: np.ndarray, names: Sequence[str]) -> str:
    """A sentence on the class of an image whose IoU is furthest below that of the set.

    Args:
        confusion: (C, C) expected counts of the image, row true class.
        iou: (C,) expected of the image; NaN for classes that are not predicted.
        usual: (C,) expected of the set.
        names: of the classes.

    Example:
        >>> expected = np.array([[60.0, 0.0], [20.0, 20.0]])
        >>> main_reason(expected, np.array([0.75, 0.5]), np.array([0.8, 0.9]), ["road", "car"])
        'car: IoU 50 % (set: 90 %), 50 % of its pixels missed, mostly labeled as road'
        >>> main_reason(expected, np.array([0.9, 0.9]), np.array([0.8, 0.9]), ["road", "car"])
        'no class is below its IoU in the set'
    """
    drop = np.where(np.isnan(iou) | np.isnan(usual), -np.inf, usual - iou)
    k = int(np.argmax(drop))
    if drop[k] <= 0:
        return "no class is below its IoU in the set"
    others = np.arange(len(confusion)) != k
    missed, wrong = confusion[k] * others, confusion[:, k] * others
    if missed.sum() > wrong.sum():
        reason = f"{percent(missed.sum() / confusion[k].sum())} of its pixels missed, mostly labeled as"
        other = names[int(missed.argmax())]
    else:
        reason = f"{percent(wrong.sum() / confusion[:, k].sum())} of what is labeled so wrong, mostly"
        other = names[int(wrong.argmax())]
    return f"{names[k]}: IoU {percent(iou[k])} (set: {percent(usual[k])}), {reason} {other}"
