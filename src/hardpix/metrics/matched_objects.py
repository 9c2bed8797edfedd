"""The objects of truth and prediction, and how much of each is right."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hardpix.metrics.class_distance import distance_to_class, near_other_class
from hardpix.metrics.components import Components, connected_components
from hardpix.metrics.label_pair import LabelPair, label_pair


@dataclass(frozen=True)
class MatchedObjects:
    """Connected components of truth and prediction of one image, with the right pixels of each.

    Where the truth is unlabeled, so is the prediction: it ends there. Tables have one row for every component and a
    row 0 for the unlabeled pixels, as :class:`~hardpix.metrics.components.Components` has them.

    Example:
        >>> objects = match_objects(np.array([[0, 1, 1, 1]]), np.array([[0, 0, 1, 1]]), num_classes=2)
        >>> objects.truth.area.tolist(), objects.found.tolist(), objects.right.tolist()
        ([0, 2, 2], [0, 1, 2], [0, 1, 2])
    """

    num_classes: int
    """C, which is also the code of unlabeled pixels in both maps."""
    prediction: NDArray[np.unsignedinteger]
    """(H, W) class codes."""
    target: NDArray[np.unsignedinteger]
    """(H, W) class codes."""
    wrong: NDArray[np.intp]
    """(W,): where the labeled pixels with a wrong class lie in the flattened maps."""
    truth: Components
    predicted: Components
    found: NDArray[np.int64]
    """(N + 1,): pixels of every component of the truth that have its class in the prediction."""
    right: NDArray[np.int64]
    """(M + 1,): pixels of every component of the prediction that have its class in the truth."""

    @property
    def missed(self) -> NDArray[np.bool_]:
        """(N + 1,): components of the truth of which less than a quarter is found."""
        return 4 * self.found < self.truth.area

    def false(self, radius: int) -> NDArray[np.bool_]:
        """(M + 1,): components of the prediction that have no pixel of their class in the truth within ``radius``.

        The distance is max(|Δrow|, |Δcolumn|) from the component's nearest pixel.
        """
        unmatched = self.right == 0
        # All their pixels are wrong, and whoever is near to one of them is near to one at their rim.
        rim = self.wrong[near_other_class(self.prediction, 1).ravel()[self.wrong]]
        rim = rim[unmatched[self.predicted.map.ravel()[rim]]]
        own = self.prediction.ravel()[rim]
        near = distance_to_class(self.target, rim, own, radius) > 0
        unmatched[self.predicted.map.ravel()[rim[near]]] = False
        unmatched[0] = False
        return unmatched


def match_objects(
    prediction: NDArray[np.integer], target: NDArray[np.integer], num_classes: int, ignore_index: int = 255
) -> MatchedObjects:
    """Find the components of both maps of one image and count the right pixels of each.

    What :func:`~hardpix.metrics.object_counts` and :func:`~hardpix.metrics.classify_errors` start from: both need it,
    and it is the larger part of their work.

    Args:
        prediction: (H, W) integer class ids.
        target: (H, W) integer class ids or ``ignore_index``.
        num_classes: C.
        ignore_index: the id of unlabeled pixels.

    Raises:
        ValueError: shapes that differ; ids outside the classes.

    Example:
        >>> objects = match_objects(np.array([[0, 0, 1, 0]]), np.array([[0, 0, 0, 1]]), num_classes=2)
        >>> objects.truth.area.tolist(), objects.found.tolist(), objects.missed.tolist()
        ([0, 3, 1], [0, 2, 0], [False, False, True])
        >>> objects.false(radius=1).tolist()
        [False, False, False, False]
    """
    return match_pair(label_pair(prediction, target, num_classes, ignore_index))


def match_pair(pair: LabelPair) -> MatchedObjects:
    """The same of a pair of label maps that has been checked."""
    num_classes = pair.num_classes
    # C instead of the type's largest value: C is the last row of every count.
    guess, truth = (np.minimum(labels, labels.dtype.type(num_classes)) for labels in (pair.prediction, pair.target))
    wrong = np.flatnonzero(guess != truth)
    of_truth, of_guess = connected_components(truth, num_classes), connected_components(guess, num_classes)
    return MatchedObjects(
        num_classes=num_classes,
        prediction=guess,
        target=truth,
        wrong=wrong,
        truth=of_truth,
        predicted=of_guess,
        found=of_truth.area - np.bincount(of_truth.map.ravel()[wrong], minlength=len(of_truth.area)),
        right=of_guess.area - np.bincount(of_guess.map.ravel()[wrong], minlength=len(of_guess.area)),
    )
