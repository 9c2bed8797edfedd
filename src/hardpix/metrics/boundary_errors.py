"""Errors in the bands along predicted borders, true borders and both: FErr, MErr and DErr."""

from typing import Any

import numpy as np

from hardpix.metrics.counting import LabelMetric, declared, mean_of_defined, ratio
from hardpix.metrics.label_pair import LabelPair, label_pair, tally
from hardpix.metrics.windows import CROSS, covered, holds_several_classes, square


def boundary_error_counts(
    prediction: np.ndarray, target: np.ndarray, num_classes: int, ignore_index: int = 255, radius: int = 7
) -> np.ndarray:
    """Right and all pixels of every true class in three bands along borders, in one image.

    A border pixel has another class among its 4 neighbors; a band is everything within a square of
    (2·radius + 1)² around a border pixel, 15×15 by default. The bands are that of the prediction's borders (FErr, false
    responses), that of the true borders (MErr, merging mistakes) and their intersection (DErr, displacements). **They
    overlap**: a pixel of the third is in both others, and a wrong pixel there counts three times. The three do not add
    up to the errors along borders, let alone to all errors.

    Unlabeled pixels make no border and are not counted, and where truth is unlabeled the prediction counts as
    unlabeled too; the edge of the image makes no border.

    Args:
        prediction: (H, W) integer class ids from 0 to C − 1.
        target: (H, W) integer class ids or ``ignore_index``.
        num_classes: C.
        ignore_index: the id of unlabeled pixels.
        radius: of the square, in pixels.

    Returns:
        (2, 3, C) int64: right pixels, all pixels, in the predicted, the true and the common band, for every true class.
        Counts of images add up.

    Raises:
        ValueError: shapes that differ; ids outside the classes; a radius below 1.

    Source:
        Chen et al., When Semantic Segmentation Meets Frequency Aliasing, ICLR 2024, arXiv 2403.09065. The authors' code
        finds borders by a Laplacian of the ids. There the differences to two neighbors may cancel (ids 0, 1, 2 side by
        side), and the borders of unlabeled areas are borders too. For two classes and no unlabeled pixels the bands are
        the same.

    Example:
        >>> right, pixels = boundary_error_counts(np.array([[0, 0, 0, 0, 1]]), np.array([[0, 0, 1, 1, 1]]), 2, radius=1)
        >>> pixels
        array([[0, 3],
               [2, 2],
               [0, 2]])
    """
    return count_boundary_errors(label_pair(prediction, target, num_classes, ignore_index), radius)


def count_boundary_errors(pair: LabelPair, radius: int = 7) -> np.ndarray:
    """The same of a pair of label maps that has been checked."""
    if radius < 1:
        raise ValueError(f"expected a radius of at least 1 pixel, found {radius}")
    predicted, true = (
        covered(holds_several_classes(labels, CROSS) & pair.valid, square(radius)).view(np.uint8)
        for labels in (pair.prediction, pair.target)
    )
    right = (pair.prediction == pair.target).view(np.uint8)
    by_kind = tally(4 * right + 2 * true + predicted, 8, pair.target, pair.num_classes).reshape(2, 2, 2, -1)
    in_bands = np.stack([by_kind[:, :, 1].sum(1), by_kind[:, 1].sum(1), by_kind[:, 1, 1]], axis=1)
    return np.stack([in_bands[1], in_bands.sum(0)])


def boundary_error_scores(counts: np.ndarray) -> dict[str, np.ndarray]:
    """FErr, MErr and DErr from summed :func:`boundary_error_counts`.

    Each is 1 − the mean over classes of the share of the class's true pixels in the band that are right. Classes
    without true pixels in the band are left out of the mean. The authors' code calls this class mean a rate, and it
    fits their tables, where FErr, MErr and DErr are near 1 − BAcc. The shares of all wrong pixels in the band, which it
    computes as well, are given too.

    Returns:
        "false_response", "merging_mistake" and "displacement": FErr, MErr and DErr, scalars, NaN for an empty band; the
        same names with "_pixels" at the end: wrong pixels of the band over its pixels; with "_class": (C,), the error
        of every class.

    Example:
        >>> counts = np.array([[[0, 1], [2, 1], [0, 1]], [[0, 3], [2, 2], [0, 2]]])
        >>> scores = boundary_error_scores(counts)
        >>> [round(float(scores[name]), 3) for name in ("false_response", "merging_mistake", "displacement")]
        [0.667, 0.25, 0.5]
    """
    right, pixels = counts
    per_class = 1 - ratio(right, pixels)
    per_pixel = 1 - ratio(right.sum(-1), pixels.sum(-1))
    scores = {}
    for band, name in enumerate(("false_response", "merging_mistake", "displacement")):
        scores[name] = mean_of_defined(per_class[band])
        scores[f"{name}_pixels"] = per_pixel[band]
        scores[f"{name}_class"] = per_class[band]
    return scores


class BoundaryErrors(LabelMetric):
    """FErr, MErr and DErr over a set of images: :func:`boundary_error_counts`, summed. The three bands overlap.

    Args:
        num_classes: C.
        ignore_index: the id of unlabeled pixels.
        radius: of the bands' square, in pixels; 7 is 15×15.

    Shapes (of update):
        prediction (B, H, W) class ids from 0 to C − 1; target (B, H, W) class ids or ``ignore_index``.

    Returns (from compute):
        The tensors of :func:`boundary_error_scores`.

    Example:
        >>> import torch
        >>> metric = BoundaryErrors(num_classes=2, radius=1)
        >>> metric.update(torch.tensor([[[0, 0, 0, 0, 1]]]), torch.tensor([[[0, 0, 1, 1, 1]]]))
        >>> metric.compute()["merging_mistake"]
        tensor(0.5000, dtype=torch.float64)
    """

    count, score = staticmethod(boundary_error_counts), staticmethod(boundary_error_scores)
    shape = staticmethod(lambda num_classes: (2, 3, num_classes))

    @declared
    def __init__(self, num_classes: int, ignore_index: int = 255, radius: int = 7, **kwargs: Any) -> None: ...
