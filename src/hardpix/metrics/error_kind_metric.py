"""Kinds of error of a whole set of images, and the mIoU if each were corrected."""

from typing import Any

from torch import Tensor

from hardpix.metrics.confusion import mean_iou
from hardpix.metrics.counting import images_of, require_pair
from hardpix.metrics.error_kinds import ErrorKind, check_radius, classify_errors
from hardpix.metrics.fixed_errors import (
    errors_by_class,
    miou_if_fixed_by_class_and_kind,
    miou_if_fixed_by_kind,
    miou_if_fixed_by_pair,
)
from hardpix.metrics.matched_objects import match_objects
from hardpix.metrics.states import Counts, CountsMetric


class ErrorKindScores(CountsMetric):
    """Kinds of error by class, and the mIoU if the errors of one kind alone were corrected.

    The int64 counts of :func:`~hardpix.metrics.classify_errors` add up over images and processes, and scores are
    computed from the sums. The counting is done on the CPU, image by image, wherever the maps are.

    Args:
        num_classes: C.
        ignore_index: the id of unlabeled pixels.
        radius: up to how many pixels a border is displaced, ≥ 1.

    Raises:
        ValueError: a radius below 1.

    Shapes (of update):
        prediction (B, H, W) class ids from 0 to C − 1; target (B, H, W) class ids or ``ignore_index``.

    Returns (from compute):
        Dict of tensors. Counts, int64: "kinds", (5, C, C), by :class:`~hardpix.metrics.ErrorKind`, true class and
        predicted class; "displaced", (radius, C, C), those at borders displaced by 1, 2, … pixels. Scores, float64:
        "miou"; "share", (5,), of each kind in the wrong pixels (0 for RIGHT); "class_share", (5, C), likewise of the
        wrong pixels that count for a class (:func:`~hardpix.metrics.errors_by_class`); "miou_if_fixed", (5,), if all
        pixels of a kind had their true class; "class_miou_if_fixed", (5, C), if those of a kind and a class had, and as
        RIGHT, if all of a class had; "pair_miou_if_fixed", (C, C), if two classes were never confused with each other,
        whatever the kind. Shares are NaN where nothing is wrong.

    Example:
        >>> import torch
        >>> scores = ErrorKindScores(num_classes=2)
        >>> scores.update(torch.tensor([[[0, 0, 1, 1]]]), torch.tensor([[[0, 0, 0, 1]]]))
        >>> scores.compute()["share"]
        tensor([0., 1., 0., 0., 0.], dtype=torch.float64)
    """

    kinds = Counts()
    displaced = Counts()

    def __init__(self, num_classes: int, ignore_index: int = 255, radius: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_radius(radius)
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.radius = radius
        self.add_counts(
            {"kinds": (len(ErrorKind), num_classes, num_classes), "displaced": (radius, num_classes, num_classes)},
            {"num_classes": num_classes, "ignore_index": ignore_index, "radius": radius},
        )

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Count one batch.

        Raises:
            ValueError: shapes that differ or are not (B, H, W); ids outside the classes. Nothing of the batch is
                counted then.
        """
        require_pair(prediction, target)
        found = [
            classify_errors(match_objects(guess, truth, self.num_classes, self.ignore_index), self.radius)
            for guess, truth in images_of(prediction, target)
        ]
        for image in found:
            self.kinds += image.counts.to(self.kinds.device)
            self.displaced += image.displaced.to(self.displaced.device)

    def compute(self) -> dict[str, Tensor]:
        """The scores of all batches so far."""
        # On the CPU: not every device has float64.
        kinds = self.kinds.cpu()
        confusion = kinds.sum(0)
        wrong = kinds.clone()
        wrong[ErrorKind.RIGHT] = 0
        of_kind, of_class = wrong.sum((1, 2)).double(), errors_by_class(kinds).double()
        return {
            "kinds": kinds,
            "displaced": self.displaced.cpu(),
            "miou": mean_iou(confusion),
            "share": of_kind / of_kind.sum(),
            "class_share": of_class / of_class.sum(0),
            "miou_if_fixed": miou_if_fixed_by_kind(kinds),
            "class_miou_if_fixed": miou_if_fixed_by_class_and_kind(kinds),
            "pair_miou_if_fixed": miou_if_fixed_by_pair(confusion, confusion),
        }
