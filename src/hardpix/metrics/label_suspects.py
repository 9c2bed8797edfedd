"""Confident learning, second pass: pixels of which a network is sure that they are of another class than labeled."""

from typing import NamedTuple

import cv2
import numpy as np

from hardpix.metrics.fixed_point import unit_interval
from hardpix.metrics.label_pair import labeled
from hardpix.metrics.self_confidence import check_probabilities

# cleanlab's: the mean of equal numbers may come out above them by rounding.
_SLACK = 1e-6

# Rows that are worked on at once, so that what is worked on stays in the processor's cache.
_ROWS = 32


class LabelSuspects(NamedTuple):
    """Findings of the second pass in one image; the attributes are those that :func:`find_label_suspects` returns.

    Example:
        >>> probabilities = np.array([[[0.9, 0.1]], [[0.1, 0.9]]])
        >>> find_label_suspects(probabilities, np.array([[0, 0]]), np.array([0.5, 0.5])).counts[2].tolist()
        [[0, 1], [0, 0]]
    """

    suspected: np.ndarray
    counts: np.ndarray


def find_label_suspects(
    probabilities: np.ndarray,
    target: np.ndarray,
    thresholds: np.ndarray,
    ignore_index: int = 255,
    tolerance: int = 0,
) -> LabelSuspects:
    """The pixels whose label is suspect, and the confident joint of given and suspected labels.

    A network is confident that a pixel is of class j where p_j ≥ t_j, the mean p_j of the pixels labeled j. A pixel
    with one such class is counted for it; one with several is counted for the class of the largest probability. A label
    i is suspect where the pixel is counted for another class j and i itself is not the most probable class. A suspect
    within ``tolerance`` rows and columns of a pixel that is labeled j is a displaced border and no wrong label. So is
    every wrong label that is no wider than twice the tolerance.

    Without ignored pixels and with no tolerance, the confident joint is that of ``cleanlab`` 2 (uncalibrated, and
    before it lifts the diagonal to 1). The suspects are then its label issues by confident learning. The slack of 1e-6
    on thresholds and on equal probabilities is cleanlab's. In the paper's formula, the most probable class is chosen
    among the confident ones. It differs from cleanlab where several classes are confident but the most probable one is
    not.

    Source: Northcutt et al., arXiv 1911.00068.

    Args:
        probabilities: (C, H, W) floats from 0 to 1, uint16 (65535 means 1) or uint8 (255 means 1). Out of sample: from
            a network that was not trained on this image.
        target: (H, W) the given labels, class ids or ``ignore_index``.
        thresholds: (C,) from :func:`confident_thresholds` of the whole data set; of a class with NaN, which is no
            label, nothing can be confident.
        ignore_index: the id of unlabeled pixels, which take no part.
        tolerance: in pixels.

    Returns:
        ``suspected``, (H, W) int16, the class that a suspect pixel is counted for and −1 at all others; ``counts``,
        (3, C, C) int64, row given label, column the class that pixels are counted for: all confident pixels, which is
        the confident joint; the displaced borders among them; the suspects among them. Counts of several images add up.

    Raises:
        ValueError: shapes that do not fit; labels that are no integers or outside the classes; probabilities of another
            type or outside 0 to 1; a tolerance below 0.

    Example:
        >>> probabilities = np.array([[[0.9, 0.8, 0.1, 0.1]], [[0.1, 0.2, 0.9, 0.9]]])
        >>> target, thresholds = np.array([[0, 0, 0, 1]]), np.array([0.6, 0.9])
        >>> find_label_suspects(probabilities, target, thresholds).suspected
        array([[-1, -1,  1, -1]], dtype=int16)
        >>> find_label_suspects(probabilities, target, thresholds, tolerance=1).counts[1]
        array([[0, 1],
               [0, 0]])
    """
    classes = check_probabilities(probabilities, target)
    return suspects_in(probabilities, *labeled(target, classes, ignore_index), thresholds, tolerance)


def suspects_in(
    probabilities: np.ndarray, truth: np.ndarray, valid: np.ndarray, thresholds: np.ndarray, tolerance: int = 0
) -> LabelSuspects:
    """The same of a truth that has been checked, as a :class:`LabelPair` holds it."""
    classes = check_probabilities(probabilities, truth)
    if np.shape(thresholds) != (classes,):
        raise ValueError(f"expected thresholds of {classes} classes, found the shape {np.shape(thresholds)}")
    if tolerance < 0:
        raise ValueError(f"expected a tolerance of at least 0 pixels, found {tolerance}")
    levels = _levels(thresholds, probabilities.dtype)
    suspected = np.full(truth.shape, -1, dtype=np.int16)
    counts = np.zeros((3, classes, classes), dtype=np.int64)
    for start in range(0, len(truth), _ROWS):
        rows = slice(start, start + _ROWS)
        guess, lead = _confident_class(probabilities[:, rows], levels, truth[rows], valid[rows])
        counts[0] += _pairs(truth[rows], guess, guess >= 0, classes)
        suspected[rows] = np.where((guess >= 0) & (lead > _SLACK), guess, -1)
    displaced = _near_own_class(suspected, truth, tolerance)
    counts[1] = _pairs(truth, suspected, displaced, classes)
    suspected[displaced] = -1
    counts[2] = _pairs(truth, suspected, suspected >= 0, classes)
    return LabelSuspects(suspected, counts)


def _levels(thresholds: np.ndarray, kind: np.dtype) -> list:
    """Per class, the least probability of that type which is confident; None where nothing can be."""
    least = np.maximum(np.asarray(thresholds, dtype=np.float64), 2 * _SLACK) - _SLACK
    if kind.kind != "f":
        return [None if np.isnan(t) else kind.type(np.ceil(t * np.iinfo(kind).max)) for t in least]
    if kind == np.float64:
        return [None if np.isnan(t) else t for t in least]
    # Rounded up: a float64 level would turn every comparison into one of float64.
    single = least.astype(np.float32)
    single = np.where(single < least, np.nextafter(single, np.float32(2)), single)
    return [None if np.isnan(t) else t for t in single]


def _confident_class(
    block: np.ndarray, levels: list, truth: np.ndarray, valid: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Class that each pixel of some rows is counted for, and its lead over the given label.

    Integers stay in their own units: their smallest step is above the slack in any.

    Returns:
        (h, w) int16, the class, −1 for none; (h, w) float64, by how much the largest probability exceeds that of the
        given label, 0 where the two classes are one.
    """
    confident, most_probable = np.full((2, *truth.shape), -1, dtype=np.int16)
    number = np.zeros(truth.shape, dtype=np.int16)
    highest = np.full(truth.shape, 0, dtype=np.float32 if block.dtype == np.float16 else block.dtype)
    for k, level in enumerate(levels):
        # Half precision is stored but not computed with: every operation would convert it.
        plane = block[k].astype(highest.dtype, copy=False)
        if level is not None:
            sure = plane >= level
            number += sure
            np.copyto(confident, np.int16(k), where=sure)
        np.copyto(most_probable, np.int16(k), where=plane > highest)
        np.maximum(highest, plane, out=highest)
    if highest.dtype.kind == "f":
        unit_interval(np.where(valid, highest, 0))
    guess = np.where(number > 1, most_probable, confident)
    guess[~valid] = -1
    lead = np.zeros(truth.shape)
    other = np.nonzero((guess >= 0) & (guess != truth))
    lead[other] = highest[other] - block[(truth[other], *other)].astype(np.float64)
    return guess, lead


def _near_own_class(suspected: np.ndarray, truth: np.ndarray, tolerance: int) -> np.ndarray:
    """Suspects that have a pixel labeled as their suspected class within some rows and columns."""
    near = np.zeros(truth.shape, dtype=bool)
    if tolerance > 0:
        window = np.ones((2 * tolerance + 1, 2 * tolerance + 1), dtype=np.uint8)
        for k in np.unique(suspected[suspected >= 0]):
            near |= (suspected == k) & cv2.dilate((truth == k).view(np.uint8), window).view(bool)
    return near


def _pairs(given: np.ndarray, guess: np.ndarray, chosen: np.ndarray, classes: int) -> np.ndarray:
    keys = given[chosen].astype(np.int64) * classes + guess[chosen]
    return np.bincount(keys, minlength=classes**2).reshape(classes, classes)
