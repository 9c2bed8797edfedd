"""clDice of classes that are lines: is each line there along its whole length, and in one piece?"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from hardpix.metrics.counting import LabelMetric, declared, f_score, mean_of_defined, ratio
from hardpix.metrics.label_pair import LabelPair, label_pair


def cl_dice_counts(
    prediction: np.ndarray, target: np.ndarray, num_classes: int, classes: Sequence[int], ignore_index: int = 255
) -> np.ndarray:
    """Pixels of the skeletons of line-like classes that lie in the other map's mask, in one image.

    Args:
        prediction: (H, W) integer class ids from 0 to C − 1.
        target: (H, W) integer class ids or ``ignore_index``.
        num_classes: C.
        classes: the K ids of the line-like classes: poles, cracks, vessels, lane marks.
        ignore_index: the id of unlabeled pixels; they belong to no mask, in neither map.

    Returns:
        (4, K) int64, for every class asked for: pixels of the predicted skeleton in the true mask; of the predicted
        skeleton; of the true skeleton in the predicted mask; of the true skeleton. Counts of images add up.

    Raises:
        ValueError: shapes that differ; ids outside the classes, in the maps or asked for.
        ImportError: scikit-image is missing; ``pip install hardpix[diagnose]``.

    Source:
        Shit et al., clDice, CVPR 2021, arXiv 2003.07311. Skeletons are those of ``skimage.morphology.skeletonize``, as
        in the authors' code.

    Example:
        >>> target = np.array([[0, 0, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]])
        >>> prediction = np.array([[0, 0, 0, 0], [1, 1, 1, 0], [0, 0, 0, 0]])
        >>> cl_dice_counts(prediction, target, num_classes=2, classes=[1]).ravel()
        array([3, 3, 3, 4])
    """
    return count_cl_dice(label_pair(prediction, target, num_classes, ignore_index), classes)


def count_cl_dice(pair: LabelPair, classes: Sequence[int]) -> np.ndarray:
    """The same of a pair of label maps that has been checked."""
    foreign = [number for number in classes if not 0 <= number < pair.num_classes]
    if foreign:
        raise ValueError(f"expected classes from 0 to {pair.num_classes - 1} for clDice, found {foreign}")
    counts = []
    for number in classes:
        predicted, true = pair.prediction == number, pair.target == number
        predicted_line, true_line = _skeleton(predicted), _skeleton(true)
        lines = (predicted_line & true, predicted_line, true_line & predicted, true_line)
        counts.append([np.count_nonzero(line) for line in lines])
    return np.array(counts, dtype=np.int64).reshape(-1, 4).T


def cl_dice_scores(counts: np.ndarray) -> dict[str, np.ndarray]:
    """clDice from summed :func:`cl_dice_counts`.

    Topology precision is the share of the predicted skeletons within the true masks. Topology sensitivity is that of
    the true skeletons within the predicted masks. clDice is their harmonic mean, 0 for a class that is in one map only.

    Returns:
        "topology_precision", "topology_sensitivity" and "cl_dice", (K,), NaN for what is not there; "mean_cl_dice", a
        scalar, the mean over the classes in truth or prediction.

    Example:
        >>> cl_dice_scores(np.array([[3], [3], [3], [4]]))["cl_dice"].round(3)
        array([0.857])
    """
    predicted_inside, predicted, true_inside, true = counts
    precision, sensitivity = ratio(predicted_inside, predicted), ratio(true_inside, true)
    score = f_score(precision, sensitivity)
    return {
        "topology_precision": precision,
        "topology_sensitivity": sensitivity,
        "cl_dice": score,
        "mean_cl_dice": mean_of_defined(score),
    }


class ClDice(LabelMetric):
    """clDice of line-like classes over a set of images: :func:`cl_dice_counts`, summed.

    Args:
        num_classes: C.
        classes: the K ids of the line-like classes.
        ignore_index: the id of unlabeled pixels.

    Shapes (of update):
        prediction (B, H, W) class ids from 0 to C − 1; target (B, H, W) class ids or ``ignore_index``.

    Returns (from compute):
        The tensors of :func:`cl_dice_scores`.

    Example:
        >>> import torch
        >>> metric = ClDice(num_classes=2, classes=[1])
        >>> metric.update(torch.tensor([[[1, 1, 1, 0]]]), torch.tensor([[[1, 1, 1, 1]]]))
        >>> metric.compute()["mean_cl_dice"]
        tensor(0.8571, dtype=torch.float64)
    """

    count, score = staticmethod(cl_dice_counts), staticmethod(cl_dice_scores)
    shape = staticmethod(lambda classes: (4, len(classes)))

    @declared
    def __init__(self, num_classes: int, classes: Sequence[int], ignore_index: int = 255, **kwargs: Any) -> None: ...


def _skeleton(mask: np.ndarray) -> np.ndarray:
    try:
        from skimage.morphology import skeletonize
    except ImportError as error:
        raise ImportError("clDice needs scikit-image, which is missing: pip install 'hardpix[diagnose]'") from error
    # Lines are few: what lies outside the box around the mask has no part in its skeleton.
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    box = (slice(y, y + height), slice(x, x + width))
    skeleton = np.zeros_like(mask)
    if width:
        skeleton[box] = skeletonize(mask[box])
    return skeleton
