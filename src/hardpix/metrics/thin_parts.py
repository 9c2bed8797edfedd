"""Scores on the thin parts of classes: what an opening of the class's mask by a disc removes."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from hardpix.metrics.counting import LabelMetric, declared, mean_of_defined, ratio
from hardpix.metrics.label_pair import LabelPair, ignore_index_of, label_pair, length_in_pixels, tally
from hardpix.metrics.nearby import distance_to_same_class
from hardpix.metrics.windows import covered, disc, holds_several_classes


def thin_parts(labels: np.ndarray, radius: int) -> np.ndarray:
    """The pixels that a morphological opening of their class's mask by a disc removes.

    A pixel stays iff some disc of the radius covers it and holds no other class; all classes are opened at once, since
    such a disc lies within its class. What is at most 2·radius pixels wide goes, whatever its length; so do a few
    pixels in the corners of thick parts. Unlabeled pixels take no part in any disc, so that nothing counts as thin
    because its labels end there. Nor does anything because the image ends there: outside, the pixels of the edge are
    repeated.

    Args:
        labels: (H, W) uint8 or uint16; the type's largest value is no label.
        radius: of the disc, in pixels.

    Returns:
        (H, W) bool; False where there is no label.

    Example:
        >>> thin_parts(np.array([[0, 0, 0, 1, 2, 2, 2]], dtype=np.uint8), radius=1)
        array([[False, False, False,  True, False, False, False]])
    """
    # One radius around the image is enough: what a disc out there would see beyond it repeats what it sees nearer.
    around = cv2.copyMakeBorder(labels, radius, radius, radius, radius, cv2.BORDER_REPLICATE)
    centers = ~holds_several_classes(around, disc(radius))
    kept = covered(centers, disc(radius))[radius:-radius, radius:-radius]
    return ~kept & (labels != ignore_index_of(labels))


def thin_part_counts(
    prediction: np.ndarray,
    target: np.ndarray,
    num_classes: int,
    ignore_index: int = 255,
    radii: Sequence[float] = (3,),
) -> np.ndarray:
    """Pixels found of the thin parts of every class, and pixels predicted beside them, in one image.

    Thin parts are those of :func:`thin_parts`. For a class c, found are the pixels in thin parts of the true mask of c
    that are predicted as c. False are the pixels predicted as c where another class is true, if one of these holds:

    - they lie in a thin part of the predicted mask of c: an invented thin object;
    - they are at most the radius away from a thin true pixel of c: an object drawn too broad or in the wrong place.

    The first rule alone would leave a pole drawn twice as broad without a mistake, since it is not thin any more. The
    second alone would leave invented poles out. Wrong pixels of broad areas, and whatever is predicted within broad
    true areas of the class, are not errors of thin parts and do not count.

    Args:
        prediction: (H, W) integer class ids from 0 to C − 1.
        target: (H, W) integer class ids or ``ignore_index``.
        num_classes: C.
        ignore_index: the id of unlabeled pixels; where truth is unlabeled the prediction counts as unlabeled too.
        radii: of the disc, one after the other: below 1 a share of the image's diagonal, rounded, at least one pixel;
            from 1 on in pixels. By default 3 pixels, so that parts of at most 6 pixels are thin. The coarsest grid on
            which most networks still keep positions apart has cells of 8.

    Returns:
        (3, R, C) int64: found pixels, thin true pixels, false pixels, for every radius and class. Counts of images add
        up.

    Raises:
        ValueError: shapes that differ; ids outside the classes; a radius that is neither a share nor whole pixels.

    Example:
        >>> target = np.array([[0, 0, 0, 1, 2, 2, 2]])
        >>> thin_part_counts(np.array([[0, 0, 1, 1, 2, 2, 2]]), target, num_classes=3, radii=[1])[:, 0]
        array([[0, 1, 0],
               [0, 1, 0],
               [0, 1, 0]])
    """
    return count_thin_parts(label_pair(prediction, target, num_classes, ignore_index), radii)


def count_thin_parts(pair: LabelPair, radii: Sequence[float] = (3,)) -> np.ndarray:
    """The same of a pair of label maps that has been checked."""
    num_classes = pair.num_classes
    ignore_index = pair.target.dtype.type(ignore_index_of(pair.target))
    same = pair.prediction == pair.target
    counts = []
    for length in radii:
        radius = length_in_pixels(length, pair.target.shape)
        thin, drawn_thin = thin_parts(pair.target, radius), thin_parts(pair.prediction, radius)
        found, missed = tally(~same, 2, np.where(thin, pair.target, ignore_index), num_classes)
        invented = drawn_thin & ~same
        # Only wrong pixels near any thin part are asked for the class of that part.
        near = covered(thin, disc(radius)) & ~same & ~drawn_thin
        beside, distance = distance_to_same_class(
            np.where(near, pair.prediction, ignore_index), np.where(thin, pair.target, ignore_index), radius
        )
        false = np.bincount(pair.prediction[invented], minlength=num_classes)
        false += np.bincount(beside[distance <= radius**2], minlength=num_classes)
        counts.append([found, found + missed, false])
    return np.array(counts, dtype=np.int64).reshape(-1, 3, num_classes).swapaxes(0, 1)


def thin_part_scores(counts: np.ndarray) -> dict[str, np.ndarray]:
    """Recall and IoU on thin parts from summed :func:`thin_part_counts`.

    Recall = found / thin, IoU = found / (thin + false).

    Returns:
        "thin_recall" and "thin_iou", (R, C), NaN for a class without thin parts (and, for the IoU, without false
        pixels); "mean_thin_recall" and "mean_thin_iou", (R,), their means over the classes; "all_thin_recall" and
        "all_thin_iou", (R,), of the thin pixels of all classes together.

    Example:
        >>> thin_part_scores(np.array([[[3, 0]], [[4, 0]], [[2, 0]]]))["thin_iou"]
        array([[0.5, nan]])
    """
    found, thin, false = counts
    recall, iou = ratio(found, thin), ratio(found, thin + false)
    return {
        "thin_recall": recall,
        "thin_iou": iou,
        "mean_thin_recall": mean_of_defined(recall),
        "mean_thin_iou": mean_of_defined(iou),
        "all_thin_recall": ratio(found.sum(-1), thin.sum(-1)),
        "all_thin_iou": ratio(found.sum(-1), (thin + false).sum(-1)),
    }


class ThinParts(LabelMetric):
    """Recall and IoU on the thin parts of every class over a set of images: :func:`thin_part_counts`, summed.

    Args:
        num_classes: C.
        ignore_index: the id of unlabeled pixels.
        radii: of the disc, below 1 as shares of the diagonal, from 1 on in pixels.

    Shapes (of update):
        prediction (B, H, W) class ids from 0 to C − 1; target (B, H, W) class ids or ``ignore_index``.

    Returns (from compute):
        The tensors of :func:`thin_part_scores`.

    Example:
        >>> import torch
        >>> metric = ThinParts(num_classes=3, radii=[1])
        >>> metric.update(torch.tensor([[[0, 0, 1, 1, 2, 2, 2]]]), torch.tensor([[[0, 0, 0, 1, 2, 2, 2]]]))
        >>> metric.compute()["mean_thin_iou"]
        tensor([0.5000], dtype=torch.float64)
    """

    count, score = staticmethod(thin_part_counts), staticmethod(thin_part_scores)
    shape = staticmethod(lambda num_classes, radii: (3, len(radii), num_classes))

    @declared
    def __init__(
        self, num_classes: int, ignore_index: int = 255, radii: Sequence[float] = (3,), **kwargs: Any
    ) -> None: ...
