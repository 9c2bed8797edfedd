"""Scores by object size of a whole set of images."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from torch import Tensor

from hardpix.metrics.counting import images_of, require_pair
from hardpix.metrics.fixed_errors import miou_if_fixed_by_size
from hardpix.metrics.matched_objects import match_objects
from hardpix.metrics.objects import SIZE_LIMITS, ObjectCounts, limits_in_pixels, object_counts, object_scores
from hardpix.metrics.states import Counts, CountsMetric


class ObjectScores(CountsMetric):
    """Recall and IoU by the size of objects, and how many objects are missed or invented.

    The int64 counts of :func:`~hardpix.metrics.object_counts` add up over images and processes, and scores are computed
    from the sums. The counting is done on the CPU, image by image, wherever the maps are.

    Args:
        num_classes: C.
        ignore_index: the id of unlabeled pixels.
        limits: S − 1 limits of S size bands, below 1 shares of each image's pixels, else pixels.
        radius: a predicted object with no pixel of its class in the truth within so many rows and columns is false.

    Raises:
        ValueError: limits that are not positive, do not increase, or mix shares and pixels.

    Shapes (of update):
        prediction (B, H, W) class ids from 0 to C − 1; target (B, H, W) class ids or ``ignore_index``.

    Returns (from compute):
        What :func:`~hardpix.metrics.object_scores` gives; the counts "objects", "missed", "predicted" and "false",
        (S, C) int64; and "miou_if_fixed", (S,) float64, the mIoU if all errors in objects of that size were corrected.

    Example:
        >>> import torch
        >>> scores = ObjectScores(num_classes=2, limits=[3])
        >>> scores.update(torch.tensor([[[0, 0, 0, 1, 1, 1]]]), torch.tensor([[[0, 0, 0, 0, 1, 1]]]))
        >>> scores.compute()["iou"]
        tensor([0.6667, 0.7500], dtype=torch.float64)
    """

    confusion = Counts()
    false_pixels = Counts()
    objects = Counts()
    missed = Counts()
    predicted = Counts()
    false = Counts()

    def __init__(
        self,
        num_classes: int,
        ignore_index: int = 255,
        limits: Sequence[float] = SIZE_LIMITS,
        radius: int = 3,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        limits_in_pixels(limits, 1)
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.limits = tuple(limits)
        self.radius = radius
        shape = (len(self.limits) + 1, num_classes)
        self.add_counts(
            {
                field.name: (*shape, num_classes) if field.name == "confusion" else shape
                for field in fields(ObjectCounts)
            },
            {"num_classes": num_classes, "ignore_index": ignore_index, "limits": limits, "radius": radius},
        )

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Count one batch.

        Raises:
            ValueError: shapes that differ or are not (B, H, W); ids outside the classes. Nothing of the batch is
                counted then.
        """
        require_pair(prediction, target)
        found = [
            object_counts(match_objects(guess, truth, self.num_classes, self.ignore_index), self.limits, self.radius)
            for guess, truth in images_of(prediction, target)
        ]
        for counts in found:
            for field in fields(ObjectCounts):
                total = getattr(self, field.name)
                setattr(self, field.name, total + getattr(counts, field.name).to(total.device))

    def compute(self) -> dict[str, Tensor]:
        """The scores of all batches so far."""
        # On the CPU: not every device has float64.
        counts = ObjectCounts(*(getattr(self, field.name).cpu() for field in fields(ObjectCounts)))
        return object_scores(counts) | {
            "objects": counts.objects,
            "missed": counts.missed,
            "predicted": counts.predicted,
            "false": counts.false,
            "miou_if_fixed": miou_if_fixed_by_size(counts.confusion),
        }
