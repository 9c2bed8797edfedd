"""Boundary F-score of semantic maps: are the drawn borders at the true ones, up to a tolerance?"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from hardpix.metrics.counting import LabelMetric, declared, f_score, mean_of_defined, ratio
from hardpix.metrics.label_pair import LabelPair, ignore_index_of, label_pair, length_in_pixels
from hardpix.metrics.nearby import distance_to_same_class
from hardpix.metrics.windows import holds_several_classes, square


def boundary_f_counts(
    prediction: np.ndarray,
    target: np.ndarray,
    num_classes: int,
    ignore_index: int = 255,
    tolerances: Sequence[float] = (3,),
) -> np.ndarray:
    """Boundary pixels of every class, and those near a boundary of the same class in the other map, in one image.

    A boundary pixel of a class is a labeled pixel of the class that has a labeled pixel of another class among its 8
    neighbors: the inner of the two sides of a border, one pixel wide. The edge of the image and unlabeled pixels make
    no boundary, and where truth is unlabeled the prediction counts as unlabeled too. A boundary pixel is met iff a
    boundary pixel of the same class in the other map is at a Euclidean distance of at most the tolerance. One pixel may
    meet several.

    Args:
        prediction: (H, W) integer class ids from 0 to C − 1.
        target: (H, W) integer class ids or ``ignore_index``.
        num_classes: C.
        ignore_index: the id of unlabeled pixels.
        tolerances: one after the other: below 1 a share of the image's diagonal, rounded, at least one pixel; from 1 on
            in pixels.

    Returns:
        (4, T, C) int64: predicted boundary pixels that are met, predicted ones, true ones that are met, true ones, for
        every tolerance and class. Counts of images add up.

    Raises:
        ValueError: shapes that differ; ids outside the classes; a tolerance that is neither a share nor whole pixels.

    Source:
        Csurka et al., What is a good evaluation measure for semantic segmentation?, BMVC 2013 (a tolerance of 0.0075 of
        the diagonal, a score per image); with 3 to 12 pixels on Cityscapes in Gated-SCNN, arXiv 1907.05740. Both
        average over images; counts over the whole set do not reward an image for having no boundary of a class.

    Example:
        >>> boundary_f_counts(np.array([[0, 0, 0, 1]]), np.array([[0, 1, 1, 1]]), 2, tolerances=[1, 2])[:2]
        array([[[0, 0],
                [1, 1]],
        <BLANKLINE>
               [[1, 1],
                [1, 1]]])
    """
    return count_boundary_f(label_pair(prediction, target, num_classes, ignore_index), tolerances)


def count_boundary_f(pair: LabelPair, tolerances: Sequence[float] = (3,)) -> np.ndarray:
    """The same of a pair of label maps that has been checked."""
    num_classes = pair.num_classes
    predicted, true = _boundaries(pair.prediction), _boundaries(pair.target)
    limits = [length_in_pixels(tolerance, pair.target.shape) for tolerance in tolerances]
    counts = []
    for labels, other in ((predicted, true), (true, predicted)):
        own, distance = distance_to_same_class(labels, other, max(limits, default=0))
        counts.append([np.bincount(own[distance <= limit**2], minlength=num_classes) for limit in limits])
        counts.append([np.bincount(own, minlength=num_classes)] * len(limits))
    return np.array(counts, dtype=np.int64).reshape(4, len(limits), num_classes)


def boundary_f_scores(counts: np.ndarray) -> dict[str, np.ndarray]:
    """Boundary precision, recall and F-score from summed :func:`boundary_f_counts`.

    F = 2 · precision · recall / (precision + recall); 0 for a class that has a boundary in one map only.

    Returns:
        "boundary_precision", "boundary_recall" and "boundary_f", (T, C), NaN for what is not there; "mean_boundary_f"
        (T,), the mean over the classes that have a boundary in truth or prediction.

    Example:
        >>> boundary_f_scores(np.array([[[1, 0]], [[2, 3]], [[4, 0]], [[4, 0]]]))["boundary_f"].round(3)
        array([[0.667, 0.   ]])
    """
    predicted_met, predicted, true_met, true = counts
    precision, recall = ratio(predicted_met, predicted), ratio(true_met, true)
    score = f_score(precision, recall)
    return {
        "boundary_precision": precision,
        "boundary_recall": recall,
        "boundary_f": score,
        "mean_boundary_f": mean_of_defined(score),
    }


class BoundaryF(LabelMetric):
    """Boundary F-score of every class and their mean over a set of images: :func:`boundary_f_counts`, summed.

    Args:
        num_classes: C.
        ignore_index: the id of unlabeled pixels.
        tolerances: below 1 as shares of the diagonal, from 1 on in pixels.

    Shapes (of update):
        prediction (B, H, W) class ids from 0 to C − 1; target (B, H, W) class ids or ``ignore_index``.

    Returns (from compute):
        The tensors of :func:`boundary_f_scores`.

    Example:
        >>> import torch
        >>> metric = BoundaryF(num_classes=2, tolerances=[1, 2])
        >>> metric.update(torch.tensor([[[0, 0, 0, 1]]]), torch.tensor([[[0, 1, 1, 1]]]))
        >>> metric.compute()["mean_boundary_f"]
        tensor([0., 1.], dtype=torch.float64)
    """

    count, score = staticmethod(boundary_f_counts), staticmethod(boundary_f_scores)
    shape = staticmethod(lambda num_classes, tolerances: (4, len(tolerances), num_classes))

    @declared
    def __init__(
        self, num_classes: int, ignore_index: int = 255, tolerances: Sequence[float] = (3,), **kwargs: Any
    ) -> None: ...


def _boundaries(labels: np.ndarray) -> np.ndarray:
    """The labels of the boundary pixels; everything else unlabeled."""
    boundary = holds_several_classes(labels, square(1))
    return np.where(boundary, labels, labels.dtype.type(ignore_index_of(labels)))
