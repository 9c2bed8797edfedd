"""Classes named after the ids that masks and predictions hold."""

from __future__ import annotations

from collections.abc import Iterable

from hardpix.data import ClassTable, DataError
from hardpix.data.labels import HIGHEST_ID, gray_levels
from hardpix.diagnosis.checks import MOST_LABELS

_UNLABELED = {255, HIGHEST_ID}


def classes_of(truth: Iterable[int], predicted: Iterable[int] = ()) -> ClassTable:
    """Every id is a class but for 255 and 65535, which are unlabeled unless the masks hold evenly spread gray levels.

    Raises:
        DataError: there is no class, or more than any data set has.

    Example:
        >>> classes_of([0, 255], [0, 1]).names
        ('class 0', 'class 1', 'class 255')
        >>> classes_of([0, 128, 255], [0, 1, 2]).names
        ('class 0', 'class 1', 'class 2', 'class 128', 'class 255')
        >>> classes_of([0, 1, 255], [0, 255]).names
        ('class 0', 'class 1')
    """
    truth = set(truth)
    ids = truth | set(predicted)
    if ids <= _UNLABELED:
        raise DataError("expected ids of classes in masks and predictions, found 255 alone, which is unlabeled")
    if len(ids) > MOST_LABELS:
        raise DataError(
            f"expected at most {MOST_LABELS} classes, found {len(ids)} different ids; if they count single objects, "
            "export classes instead, else give the class table as --classes"
        )
    # The masks alone tell what 255 means.
    if gray_levels(truth) and ids != truth:
        return ClassTable([f"class {i}" for i in sorted(ids)], sorted(ids), ignore_ids=())
    return ClassTable.from_ids(ids)
