"""Boundary IoU of semantic maps, all classes and several widths of the band at once."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from hardpix.metrics.counting import LabelMetric, declared, mean_of_defined, ratio
from hardpix.metrics.label_pair import LabelPair, label_pair, length_in_pixels, tally
from hardpix.metrics.windows import holds_several_classes, square


def boundary_iou_counts(
    prediction: np.ndarray,
    target: np.ndarray,
    num_classes: int,
    ignore_index: int = 255,
    widths: Sequence[float] = (0.02,),
) -> np.ndarray:
    """Intersection and union of the bands along the borders of every class, in one image.

    A pixel is in the band of its class iff its (2d + 1)² window holds another class: iff the largest and the smallest
    label in it differ. Outside the image counts as another class. Unlabeled pixels take no part in any window, and
    where truth is unlabeled the prediction counts as unlabeled too. Where everything is labeled this is the mask of
    each class less itself eroded d times by 3×3, the edge of the image counting as border.

    Args:
        prediction: (H, W) integer class ids from 0 to C − 1.
        target: (H, W) integer class ids or ``ignore_index``.
        num_classes: C.
        ignore_index: the id of unlabeled pixels.
        widths: the bands' widths d, one after the other: below 1 a share of the image's diagonal, rounded, at least one
            pixel; from 1 on in pixels.

    Returns:
        (2, W, C) int64: intersections, unions, for every width and class. Counts of images add up.

    Raises:
        ValueError: shapes that differ; ids outside the classes; a width that is neither a share nor whole pixels.

    Source:
        Cheng et al., Boundary IoU, CVPR 2021, arXiv 2103.16562, which has it for masks of single objects.

    Example:
        >>> intersection, union = boundary_iou_counts(np.array([[0, 0, 1]]), np.array([[0, 1, 1]]), 2, widths=[1])
        >>> intersection, union
        (array([[1, 1]]), array([[2, 2]]))
    """
    return count_boundary_iou(label_pair(prediction, target, num_classes, ignore_index), widths)


def count_boundary_iou(pair: LabelPair, widths: Sequence[float] = (0.02,)) -> np.ndarray:
    """The same of a pair of label maps that has been checked."""
    shape, num_classes = pair.target.shape, pair.num_classes
    reaches = [length_in_pixels(width, shape) for width in widths]
    # The bands lie within each other: a pixel's level is the number of bands that it is in.
    predicted, true = (
        sum((_band(labels, reach) for reach in reaches), start=np.zeros(shape, dtype=np.uint8))
        for labels in (pair.prediction, pair.target)
    )
    common = np.minimum(predicted, true) * (pair.prediction == pair.target)
    levels = len(reaches) + 1
    intersection = tally(common, levels, pair.target, num_classes)
    union = (
        tally(predicted, levels, pair.prediction, num_classes)
        + tally(true, levels, pair.target, num_classes)
        - intersection
    )
    # In the band of a width are the pixels in at least as many bands as are as wide or wider.
    wider = [sum(other >= reach for other in reaches) for reach in reaches]
    return np.array(
        [[counts[level:].sum(0) for level in wider] for counts in (intersection, union)], dtype=np.int64
    ).reshape(2, len(reaches), num_classes)


def boundary_iou_scores(counts: np.ndarray) -> dict[str, np.ndarray]:
    """Boundary IoU from summed :func:`boundary_iou_counts`.

    Returns:
        "boundary_iou" (W, C), NaN for a class that has no band in truth or prediction; "mean_boundary_iou" (W,), the
        mean over the classes that have one.

    Example:
        >>> boundary_iou_scores(np.array([[[1, 1, 0]], [[2, 4, 0]]]))["boundary_iou"]
        array([[0.5 , 0.25,  nan]])
    """
    intersection, union = counts
    score = ratio(intersection, union)
    return {"boundary_iou": score, "mean_boundary_iou": mean_of_defined(score)}


class BoundaryIoU(LabelMetric):
    """Boundary IoU of every class and their mean over a set of images: :func:`boundary_iou_counts`, summed.

    Args:
        num_classes: C.
        ignore_index: the id of unlabeled pixels.
        widths: of the band, below 1 as shares of the diagonal, from 1 on in pixels.

    Shapes (of update):
        prediction (B, H, W) class ids from 0 to C − 1; target (B, H, W) class ids or ``ignore_index``.

    Returns (from compute):
        The tensors of :func:`boundary_iou_scores`.

    Example:
        >>> import torch
        >>> metric = BoundaryIoU(num_classes=2, widths=[1])
        >>> metric.update(torch.tensor([[[0, 0, 1]]]), torch.tensor([[[0, 1, 1]]]))
        >>> metric.compute()["mean_boundary_iou"]
        tensor([0.5000], dtype=torch.float64)
    """

    count, score = staticmethod(boundary_iou_counts), staticmethod(boundary_iou_scores)
    shape = staticmethod(lambda num_classes, widths: (2, len(widths), num_classes))

    @declared
    def __init__(
        self, num_classes: int, ignore_index: int = 255, widths: Sequence[float] = (0.02,), **kwargs: Any
    ) -> None: ...


def _band(labels: np.ndarray, reach: int) -> np.ndarray:
    band = holds_several_classes(labels, square(reach))
    band[:reach] = band[-reach:] = True
    band[:, :reach] = band[:, -reach:] = True
    return band
