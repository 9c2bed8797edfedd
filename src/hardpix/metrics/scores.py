"""The scores of a run, from counts that add up across batches and processes."""

from typing import Any

import torch
from torch import Tensor

from hardpix.metrics.confusion import class_iou, mean_iou, pixel_accuracy
from hardpix.metrics.counting import require_pair
from hardpix.metrics.states import Counts, CountsMetric
from hardpix.pixels import border_band
from hardpix.pixels.class_ids import class_ids


class SegmentationScores(CountsMetric):
    """mIoU, the IoU of every class, accuracy, and mIoU near borders, over a whole set of images.

    Two int64 confusion matrices are counted: one of all labeled pixels, and one of those with another class within
    ``border_radius`` rows and columns. Scores are computed from the sums, never averaged over images or processes.

    Args:
        num_classes: C.
        ignore_index: the id of unlabeled pixels.
        border_radius: in pixels.

    Shapes (of update):
        prediction (B, H, W) class ids from 0 to C − 1; target (B, H, W) class ids or ``ignore_index``.

    Returns (from compute):
        Dict of float64 tensors: "miou", "accuracy" and "border_miou", scalars; "class_iou", (C,), NaN for a class that
        is neither in the truth nor predicted.

    Example:
        >>> import torch
        >>> scores = SegmentationScores(num_classes=2)
        >>> scores.update(torch.tensor([[[0, 1, 1]]]), torch.tensor([[[0, 0, 1]]]))
        >>> scores.compute()["miou"]
        tensor(0.5000, dtype=torch.float64)
    """

    confusion = Counts()
    border_confusion = Counts()
    unknown = Counts()

    def __init__(self, num_classes: int, ignore_index: int = 255, border_radius: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.border_radius = border_radius
        square = (num_classes, num_classes)
        self.add_counts(
            {"confusion": square, "border_confusion": square, "unknown": ()},
            {"num_classes": num_classes, "ignore_index": ignore_index, "border_radius": border_radius},
        )

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Count one batch of (B, H, W) class ids.

        Raises:
            ValueError: shapes that differ or are not (B, H, W); labels that are not integers.
        """
        require_pair(prediction, target)
        prediction, target = class_ids(prediction, "prediction"), class_ids(target)
        classes = self.num_classes
        valid = target != self.ignore_index
        near_border = border_band(target, self.border_radius, self.ignore_index)
        known = ((target >= 0) & (target < classes) & (prediction >= 0) & (prediction < classes)).logical_or(~valid)
        # One histogram for both matrices, unlabeled and unknown pixels: each would wait for the device.
        pair = (near_border.long() * classes + target) * classes + prediction
        place = torch.where(valid, torch.where(known, pair, 2 * classes**2 + 1), 2 * classes**2)
        counts = torch.bincount(place.flatten(), minlength=2 * classes**2 + 2)
        away, near = counts[: 2 * classes**2].reshape(2, classes, classes)
        self.confusion += away + near
        self.border_confusion += near
        self.unknown += counts[-1]

    def compute(self) -> dict[str, Tensor]:
        """The scores of all batches so far.

        Raises:
            ValueError: there were ids outside the classes.
        """
        if self.unknown > 0:
            raise ValueError(
                f"expected ids from 0 to {self.num_classes - 1} in prediction and target (or ignore_index "
                f"{self.ignore_index} in target), found others in {int(self.unknown)} pixels"
            )
        # On the CPU: not every device has float64.
        confusion, near_border = self.confusion.cpu(), self.border_confusion.cpu()
        return {
            "miou": mean_iou(confusion),
            "border_miou": mean_iou(near_border),
            "accuracy": pixel_accuracy(confusion),
            "class_iou": class_iou(confusion),
        }
