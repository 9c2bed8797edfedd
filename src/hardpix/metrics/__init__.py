"""Scores from counts that merge."""

from hardpix.metrics.confusion import class_iou, confusion_matrix, mean_iou, pixel_accuracy
from hardpix.metrics.ranking import auroc, correlation
from hardpix.metrics.scores import SegmentationScores

__all__ = [
    "SegmentationScores",
    "auroc",
    "class_iou",
    "confusion_matrix",
    "correlation",
    "mean_iou",
    "pixel_accuracy",
]
