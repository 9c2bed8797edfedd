"""Large and small: recall, IoU, missed and false objects by the size of connected components."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hardpix.metrics.components import run_starts
from hardpix.metrics.matched_objects import MatchedObjects
from hardpix.pixels.shares import as_fraction

SIZE_LIMITS = (1e-4, 1e-3, 1e-2)
"""Shares of the image's pixels: on 1024×2048 objects of less than 210, 2,098 and 20,972 pixels, and larger ones."""


@dataclass(frozen=True)
class ObjectCounts:
    """Counts of objects by S size bands and C classes; all int64, and those of several images add up.

    Example:
        >>> from hardpix.metrics import match_objects
        >>> objects = match_objects(np.array([[0, 0, 0, 0]]), np.array([[0, 0, 0, 1]]), num_classes=2)
        >>> counts = object_counts(objects, limits=[2])  # up to 2 pixels, and more
        >>> counts.objects.tolist(), counts.missed.tolist()
        ([[0, 1], [1, 0]], [[0, 1], [0, 0]])
    """

    confusion: Tensor
    """(S, C, C): labeled pixels by the band of their component of the truth, true class and predicted class."""
    false_pixels: Tensor
    """(S, C): pixels of another class that were predicted as this one, by the band that they are charged to."""
    objects: Tensor
    """(S, C): components of the truth."""
    missed: Tensor
    """(S, C): those of which less than a quarter is found."""
    predicted: Tensor
    """(S, C): components of the prediction, by their own size."""
    false: Tensor
    """(S, C): those with no pixel of their class in the truth within the radius."""


def object_counts(objects: MatchedObjects, limits: Sequence[float] = SIZE_LIMITS, radius: int = 3) -> ObjectCounts:
    """Count pixels and objects of one image by size band and class.

    An object is an 8-connected component of one class; it is in band s if its area is at least ``limits[s - 1]`` and
    below ``limits[s]``. Hits and misses go by the band of the truth's component that they lie in. A false pixel lies in
    no object of its class, so it goes by its predicted component:

    - Where at least half of the component is right, it is an object drawn too large. Its false pixels are charged to
      the band that most of its right pixels lie in, the smaller band if equally many do.
    - Any other component is invented, and its false pixels are charged to the band of its own size.

    So small objects that run together count against the small ones. A large region of a wrong class that happens to
    cover a small object does not. Every false pixel is charged once: the sums over bands are those of the whole.

    A shifted thin object counts as missed here though its pixels are displaced borders for
    :func:`~hardpix.metrics.classify_errors`.

    Args:
        objects: truth and prediction of one image, from :func:`~hardpix.metrics.match_objects`.
        limits: increasing; below 1 shares of the image's pixels, else pixels.
        radius: a predicted object with no pixel of its class in the truth within so many rows and columns is false.

    Raises:
        ValueError: limits that are not positive, do not increase, or mix shares and pixels; a negative radius.

    Example:
        >>> from hardpix.metrics import match_objects
        >>> target = np.array([[0, 0, 0, 0, 0, 1, 1, 1, 0, 1]])
        >>> prediction = np.array([[1, 0, 0, 0, 0, 0, 1, 1, 1, 0]])
        >>> counts = object_counts(match_objects(prediction, target, num_classes=2), limits=[2, 4])
        >>> counts.objects[:, 1].tolist(), counts.missed[:, 1].tolist(), counts.false[:, 1].tolist()
        ([1, 1, 0], [1, 0, 0], [1, 0, 0])
        >>> counts.false_pixels[:, 1].tolist()
        [1, 1, 0]
    """
    if radius < 0:
        raise ValueError(f"expected a radius of at least 0 pixels, found {radius}")
    classes, bands = objects.num_classes, len(limits) + 1
    pixels = limits_in_pixels(limits, objects.target.size)
    truth, predicted = objects.truth, objects.predicted
    band = np.searchsorted(pixels, truth.area, side="right")
    own_band = np.searchsorted(pixels, predicted.area, side="right")

    def by_class(
        band: NDArray[np.int64], label: NDArray[np.int64], weights: NDArray[np.integer] | NDArray[np.bool_]
    ) -> Tensor:
        # Row 0 stands for unlabeled pixels.
        counts = np.bincount(band[1:] * classes + label[1:], weights=weights[1:], minlength=bands * classes)
        return torch.from_numpy(counts.astype(np.int64)).reshape(bands, classes)

    wrong = objects.wrong
    true, guess = objects.target.ravel()[wrong], objects.prediction.ravel()[wrong]
    place = (band[truth.map.ravel()[wrong]] * classes + true) * classes + guess
    confusion = torch.from_numpy(np.bincount(place, minlength=bands * classes**2)).reshape(bands, classes, classes)
    confusion += by_class(band, truth.label, objects.found).diag_embed()

    described = 2 * objects.right >= predicted.area
    charged = np.where(described, _band_of_right_pixels(objects, band, bands), own_band)
    return ObjectCounts(
        confusion=confusion,
        false_pixels=by_class(charged, predicted.label, predicted.area - objects.right),
        objects=by_class(band, truth.label, truth.area > 0),
        missed=by_class(band, truth.label, objects.missed),
        predicted=by_class(own_band, predicted.label, predicted.area > 0),
        false=by_class(own_band, predicted.label, objects.false(radius)),
    )


def object_scores(counts: ObjectCounts) -> dict[str, Tensor]:
    """Scores by size band from counts of any number of images.

    Let H be the hits of a class in components of a band, T their pixels and F the false pixels charged to the band.
    Then recall = H / T and IoU = H / (T + F).

    Returns:
        float64, NaN where there is nothing to count: "class_recall" and "class_iou", (S, C); "recall" and "iou", (S,),
        their means over the classes that have one in that band; "missed_share", (S,), of the truth's objects of all
        classes; "false_share", (S,), of the predicted ones.

    Example:
        >>> from hardpix.metrics import match_objects
        >>> objects = match_objects(np.array([[0, 0, 0, 1, 1, 1]]), np.array([[0, 0, 0, 0, 1, 1]]), num_classes=2)
        >>> object_scores(object_counts(objects, limits=[3]))["class_iou"]
        tensor([[   nan, 0.6667],
                [0.7500,    nan]], dtype=torch.float64)
    """
    hits = counts.confusion.diagonal(dim1=-2, dim2=-1).double()
    truth = counts.confusion.sum(-1).double()
    recall, iou = hits / truth, hits / (truth + counts.false_pixels)
    return {
        "class_recall": recall,
        "class_iou": iou,
        "recall": recall.nanmean(-1),
        "iou": iou.nanmean(-1),
        "missed_share": counts.missed.sum(-1).double() / counts.objects.sum(-1),
        "false_share": counts.false.sum(-1).double() / counts.predicted.sum(-1),
    }


def limits_in_pixels(limits: Sequence[float], size: int) -> NDArray[np.float64]:
    """Size limits, shares or pixels, in pixels of an image of ``size`` pixels.

    Raises:
        ValueError: limits that are not positive, do not increase, or mix shares and pixels.

    Example:
        >>> limits_in_pixels([0.1, 0.5], size=300).tolist(), limits_in_pixels([9, 25], size=300).tolist()
        ([30.0, 150.0], [9.0, 25.0])
        >>> limits_in_pixels([0.07], size=100).tolist()  # 0.07 * 100 is 7.000000000000001
        [7.0]
    """
    values = np.asarray(limits, dtype=np.float64)
    shares = int((values < 1).sum())
    if not ((values > 0).all() and (np.diff(values) > 0).all() and shares in (0, len(values))):
        raise ValueError(
            f"expected increasing size limits, all of them shares of the image between 0 and 1 or all of them pixels, "
            f"found {list(limits)}"
        )
    return np.array([float(as_fraction(value) * size) for value in values]) if shares else values


def _band_of_right_pixels(objects: MatchedObjects, band: NDArray[np.int64], bands: int) -> NDArray[np.int64]:
    """(M + 1,): the band that most right pixels of every predicted component lie in, the smallest of several."""
    # A run of one class in both maps lies in one component of each, so that there are few things to count.
    first = np.flatnonzero(run_starts(objects.prediction, objects.target))
    length = np.diff(first, append=objects.target.size)
    same = objects.prediction.ravel()[first] == objects.target.ravel()[first]
    first, length = first[same], length[same]
    place = objects.predicted.map.ravel()[first] * bands + band[objects.truth.map.ravel()[first]]
    right = np.bincount(place, weights=length, minlength=len(objects.predicted.area) * bands)
    return right.reshape(-1, bands).argmax(1)
