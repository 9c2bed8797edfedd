"""Scores from counts that merge."""

from hardpix.metrics.boundary_errors import BoundaryErrors, boundary_error_counts, boundary_error_scores
from hardpix.metrics.boundary_f import BoundaryF, boundary_f_counts, boundary_f_scores
from hardpix.metrics.boundary_iou import BoundaryIoU, boundary_iou_counts, boundary_iou_scores
from hardpix.metrics.cl_dice import ClDice, cl_dice_counts, cl_dice_scores
from hardpix.metrics.confusion import (
    class_accuracy,
    class_dice,
    class_iou,
    class_precision,
    confusion_matrix,
    frequency_weighted_iou,
    mean_accuracy,
    mean_dice,
    mean_iou,
    pixel_accuracy,
)
from hardpix.metrics.ranking import auroc, correlation
from hardpix.metrics.scores import SegmentationScores
from hardpix.metrics.thin_parts import ThinParts, thin_part_counts, thin_part_scores, thin_parts

__all__ = [
    "BoundaryErrors",
    "BoundaryF",
    "BoundaryIoU",
    "ClDice",
    "SegmentationScores",
    "ThinParts",
    "auroc",
    "boundary_error_counts",
    "boundary_error_scores",
    "boundary_f_counts",
    "boundary_f_scores",
    "boundary_iou_counts",
    "boundary_iou_scores",
    "cl_dice_counts",
    "cl_dice_scores",
    "class_accuracy",
    "class_dice",
    "class_iou",
    "class_precision",
    "confusion_matrix",
    "correlation",
    "frequency_weighted_iou",
    "mean_accuracy",
    "mean_dice",
    "mean_iou",
    "pixel_accuracy",
    "thin_part_counts",
    "thin_part_scores",
    "thin_parts",
]
