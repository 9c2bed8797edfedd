"""Kinds of error: one for each wrong pixel, by ordered rules."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hardpix.metrics.class_distance import distance_to_class, near_other_class
from hardpix.metrics.matched_objects import MatchedObjects


class ErrorKind(IntEnum):
    """The kinds, as they stand in maps and as first index of counts.

    Example:
        >>> ErrorKind(2).name
        'MISSED_OBJECT'
    """

    RIGHT = 0
    DISPLACED_BORDER = 1
    MISSED_OBJECT = 2
    FALSE_RESPONSE = 3
    CONFUSED = 4


UNLABELED = 255
"""Value of kind maps where the truth is unlabeled."""


@dataclass(frozen=True)
class ErrorKinds:
    """The kinds of error in one image.

    Example:
        >>> from hardpix.metrics import match_objects
        >>> kinds = classify_errors(match_objects(np.array([[0, 0, 1]]), np.array([[0, 0, 0]]), num_classes=2))
        >>> kinds.map.tolist(), int(kinds.counts[ErrorKind.FALSE_RESPONSE, 0, 1])
        ([[0, 0, 3]], 1)
    """

    map: NDArray[np.uint8]
    """(H, W): an :class:`ErrorKind`, 255 where unlabeled."""
    counts: Tensor
    """(5, C, C) int64: pixels by kind, true class and predicted class; their sum over kinds is the confusion matrix."""
    displaced: Tensor
    """(radius, C, C) int64: pixels at borders displaced by 1, 2, … pixels; their sum is the part of that kind."""


def classify_errors(objects: MatchedObjects, radius: int = 3) -> ErrorKinds:
    """Give every wrong pixel exactly one kind.

    A pixel that is t in the truth and q in the prediction is, by the first rule that holds:

    1. a **displaced border**: the border of t and q is there in both maps, at most ``radius`` pixels apart. Let d be
       the distance from the pixel to the nearest pixel of q where t and q meet in the truth. Let d' be that to the
       nearest pixel of t where they meet in the prediction. Then the border is displaced by d + d' − 1 pixels.
    2. a **missed object**: in a component of the truth of which less than a quarter is found.
    3. a **false response**: in a component of the prediction with no pixel of its class in the truth within ``radius``.
    4. **confused**: the rest, by pair of classes.

    Two classes meet where two of their pixels touch, at a corner at least; distances are max(|Δrow|, |Δcolumn|), so
    that pixels that touch have distance 1; components are 8-connected. Unlabeled pixels take no part: no border runs
    along them, and an object ends at them. An example with radius 2: a pole ``|`` two pixels to the right, an erased
    object ``o``, an invented one ``x``, and a region ``a`` mostly predicted as ``b``::

        truth                      prediction                 kinds
        . . | | . . . . . . . .    . . . . | | . . . . . .    . . 1 1 1 1 . . . . . .
        . . | | . . . o o o . .    . . . . | | . . . . . .    . . 1 1 1 1 . 2 2 2 . .
        . . | | . . . o o o . .    . . . . | | . . . . . .    . . 1 1 1 1 . 2 2 2 . .
        . . | | . . . . . . . .    x x . . | | . . . . . .    3 3 1 1 1 1 . . . . . .
        a a a a a a a a b b b b    a a b b b b b b b b b b    . . 4 4 4 4 4 4 . . . .

    A border must be near in the prediction, too, since all pixels of a thin object lie near its border. This tells a
    pole that moved from one that was lost. It follows that all pixels of a border that moved by more than ``radius``
    are of another kind, also those nearest to it.

    Args:
        objects: truth and prediction of one image, from :func:`~hardpix.metrics.match_objects`.
        radius: up to how many pixels a border is displaced, ≥ 1.

    Raises:
        ValueError: a radius below 1.

    Example:
        >>> from hardpix.metrics import match_objects
        >>> target = np.array([[0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 255]])
        >>> prediction = np.array([[2, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1]])
        >>> kinds = classify_errors(match_objects(prediction, target, num_classes=3))
        >>> kinds.map.tolist()
        [[3, 0, 0, 0, 1, 1, 0, 0, 0, 0, 255]]
        >>> kinds.displaced[:, 1, 0].tolist()
        [0, 2, 0]
    """
    check_radius(radius)
    classes, wrong = objects.num_classes, objects.wrong
    truth, guess = objects.target.ravel()[wrong], objects.prediction.ravel()[wrong]
    displacement = _displacement(objects, radius)
    kind = np.select(
        [
            displacement > 0,
            objects.missed[objects.truth.map.ravel()[wrong]],
            objects.false(radius)[objects.predicted.map.ravel()[wrong]],
        ],
        [ErrorKind.DISPLACED_BORDER, ErrorKind.MISSED_OBJECT, ErrorKind.FALSE_RESPONSE],
        default=ErrorKind.CONFUSED,
    )

    kinds = np.zeros(objects.target.shape, dtype=np.uint8)
    kinds[objects.target == classes] = UNLABELED
    kinds.ravel()[wrong] = kind

    counts = _count(kind, truth, guess, len(ErrorKind), classes)
    right = np.bincount(objects.truth.label, weights=objects.found, minlength=classes + 1)[:classes]
    counts[ErrorKind.RIGHT] = torch.from_numpy(right).long().diag()
    moved = displacement > 0
    displaced = _count(displacement[moved] - 1, truth[moved], guess[moved], radius, classes)
    return ErrorKinds(kinds, counts, displaced)


def check_radius(radius: int) -> None:
    """Refuse a reach in which no border can be displaced."""
    if radius < 1:
        raise ValueError(f"a displaced border needs a radius of at least 1 pixel, found {radius}")


def _displacement(objects: MatchedObjects, radius: int) -> NDArray[np.int64]:
    """By how many pixels the border that every wrong pixel lies at is displaced; 0 if by more than ``radius``."""
    truth, guess = objects.target.ravel(), objects.prediction.ravel()
    displacement = np.zeros(len(objects.wrong), dtype=np.int64)
    near = near_other_class(objects.target, radius) & near_other_class(objects.prediction, radius)
    candidate = np.flatnonzero(near.ravel()[objects.wrong])
    pixels = objects.wrong[candidate]
    to_true = distance_to_class(objects.target, pixels, guess[pixels], radius, touching=truth[pixels])
    candidate, pixels, to_true = candidate[to_true > 0], pixels[to_true > 0], to_true[to_true > 0]
    reach = radius + 1 - to_true
    to_predicted = distance_to_class(objects.prediction, pixels, truth[pixels], reach, touching=guess[pixels])
    displacement[candidate] = np.where(to_predicted > 0, to_true + to_predicted - 1, 0)
    return displacement


def _count(
    first: NDArray[np.integer], truth: NDArray[np.integer], guess: NDArray[np.integer], size: int, classes: int
) -> Tensor:
    place = (first.astype(np.int64) * classes + truth) * classes + guess
    return torch.from_numpy(np.bincount(place, minlength=size * classes**2)).reshape(size, classes, classes)
