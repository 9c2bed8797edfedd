"""Comparison of probabilities with the predictions that they should belong to."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hardpix.data import Problem
from hardpix.diagnosis.agreement import matched
from hardpix.pixels.percent import percent

CONTRADICT = "probabilities that contradict the predictions"

# About as many pixels of an image are compared; their rows and columns lie evenly apart.
COMPARED = 1 << 16
# Where fewer pixels agree, probabilities belong to other predictions.
AGREEING = 0.5
# Channels have changed places where the class's own is the highest at most at the first share of its pixels, and
# another one at least at the second.
OWN, OTHER = 0.1, 0.8


def count_channels(probabilities: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Count the most probable channel at the pixels of every predicted class.

    Args:
        probabilities: (C, H, W), floats or integers.
        prediction: (H, W) class indices; what is no class is left out.

    Returns:
        (C, C) int64, row channel, column predicted class. Where several channels are the highest, the predicted
        class's is taken if it is among them.

    Example:
        >>> count_channels(np.array([[[0.9, 0.5]], [[0.1, 0.5]]]), np.array([[1, 1]]))
        array([[0, 1],
               [0, 1]])
    """
    classes = len(probabilities)
    step = max(1, int((prediction.size / COMPARED) ** 0.5))
    some, predicted = probabilities[:, ::step, ::step], prediction[::step, ::step]
    known = predicted < classes
    some, predicted = some[:, known], predicted[known].astype(np.int64)
    channel = some.argmax(0)
    at = np.arange(len(predicted))
    channel = np.where(some[predicted, at] >= some[channel, at], predicted, channel)
    return np.bincount(channel * classes + predicted, minlength=classes**2).reshape(classes, classes)


def channel_problem(counts: np.ndarray, names: tuple[str, ...], folder: Path) -> Problem | None:
    """Say that channels are in another order than the classes, or belong to other predictions.

    Args:
        counts: of `count_channels`, summed over all images.
        names: of the classes.
        folder: the probabilities.
    """
    total = int(counts.sum())
    if not total:
        return None
    of_class = counts.sum(0)
    channel_of = {column: row for row, column in matched(counts)}
    moved = [k for k, row in channel_of.items() if row != k and of_class[k]]
    own = sum(int(counts[k, k]) for k in moved)
    other = sum(int(counts[channel_of[k], k]) for k in moved)
    there = sum(int(of_class[k]) for k in moved)
    wrong = 1 - counts.trace() / total
    found = f"another channel highest at {percent(wrong)} of the pixels"
    advice = "give the probabilities that these predictions were made of"
    if moved and own <= OWN * there and other >= OTHER * there:
        order = _order(channel_of, len(names))
        shown = ", ".join(f"channel {channel_of[k]} for {names[k]}" for k in sorted(moved)[:5])
        more = f" and {len(moved) - 5} more" if len(moved) > 5 else ""
        found += f"; another order of the channels explains it: {shown}{more}"
        advice = f"store the channels in the order of the classes: probabilities[{order}]"
    elif wrong <= 1 - AGREEING:
        return None
    expected = "the highest probability in the channel of the predicted class"
    return Problem(CONTRADICT, folder, expected, found, advice)


def _order(channel_of: dict[int, int], classes: int) -> list[int]:
    """The channel of every class; those that were never compared fill the gaps in their order."""
    left = [k for k in range(classes) if k not in channel_of.values()]
    kept = {k: k for k in range(classes) if k not in channel_of and k in left}
    left = [k for k in left if k not in kept]
    order = channel_of | kept
    return [order[k] if k in order else left.pop(0) for k in range(classes)]
