"""The scores of a run, from counts that add up across batches and processes."""

from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from hardpix.metrics.confusion import class_iou, confusion_matrix, mean_iou, pixel_accuracy
from hardpix.pixels import border_band


class SegmentationScores(Metric):
    """mIoU, the IoU of every class, accuracy, and mIoU near borders, over a whole set of images.

    Two int64 confusion matrices are counted, one of all labelled pixels and one of those with another class within
    ``border_radius`` rows and columns; scores are computed from the sums, never averaged over images or processes.

    Args:
        num_classes: C.
        ignore_index: the id of unlabelled pixels.
        border_radius: in pixels.

    Shapes (of update):
        prediction (B, H, W) class ids from 0 to C − 1; target (B, H, W) class ids or ``ignore_index``.

    Returns (from compute):
        Dict of float64 tensors: "miou", "accuracy" and "border_miou", scalars; "class_iou", (C,), NaN for a class that
        is neither in the truth nor predicted.

    Example:
        >>> scores = SegmentationScores(num_classes=2)
        >>> scores.update(torch.tensor([[[0, 1, 1]]]), torch.tensor([[[0, 0, 1]]]))
        >>> scores.compute()["miou"]
        tensor(0.5000, dtype=torch.float64)
    """

    full_state_update = False
    confusion: Tensor
    border_confusion: Tensor

    def __init__(self, num_classes: int, ignore_index: int = 255, border_radius: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.border_radius = border_radius
        empty = torch.zeros(num_classes, num_classes, dtype=torch.int64)
        self.add_state("confusion", empty, dist_reduce_fx="sum")
        self.add_state("border_confusion", empty.clone(), dist_reduce_fx="sum")

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Count one batch."""
        near_border = border_band(target, self.border_radius, self.ignore_index)
        border_target = torch.where(near_border, target, self.ignore_index)
        self.confusion += confusion_matrix(prediction, target, self.num_classes, self.ignore_index)
        self.border_confusion += confusion_matrix(prediction, border_target, self.num_classes, self.ignore_index)

    def compute(self) -> dict[str, Tensor]:
        """The scores of all batches so far."""
        return {
            "miou": mean_iou(self.confusion),
            "border_miou": mean_iou(self.border_confusion),
            "accuracy": pixel_accuracy(self.confusion),
            "class_iou": class_iou(self.confusion),
        }
