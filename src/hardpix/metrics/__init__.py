"""Scores from counts that merge."""

from hardpix.metrics.boundary_errors import BoundaryErrors, boundary_error_counts, boundary_error_scores
from hardpix.metrics.boundary_f import BoundaryF, boundary_f_counts, boundary_f_scores
from hardpix.metrics.boundary_iou import BoundaryIoU, boundary_iou_counts, boundary_iou_scores
from hardpix.metrics.cl_dice import ClDice, cl_dice_counts, cl_dice_scores
from hardpix.metrics.components import Components, connected_components
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
from hardpix.metrics.error_kind_metric import ErrorKindScores
from hardpix.metrics.error_kinds import ErrorKind, ErrorKinds, classify_errors
from hardpix.metrics.matched_objects import MatchedObjects, match_objects
from hardpix.metrics.mended import mended_by_class, mended_by_kind, mended_by_pair, mended_by_size, mended_miou
from hardpix.metrics.object_metric import ObjectScores
from hardpix.metrics.objects import ObjectCounts, object_counts, object_scores
from hardpix.metrics.ranking import auroc, correlation
from hardpix.metrics.scores import SegmentationScores
from hardpix.metrics.thin_parts import ThinParts, thin_part_counts, thin_part_scores, thin_parts

__all__ = [
    "BoundaryErrors",
    "BoundaryF",
    "BoundaryIoU",
    "ClDice",
    "Components",
    "ErrorKind",
    "ErrorKindScores",
    "ErrorKinds",
    "MatchedObjects",
    "ObjectCounts",
    "ObjectScores",
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
    "classify_errors",
    "confusion_matrix",
    "connected_components",
    "correlation",
    "frequency_weighted_iou",
    "match_objects",
    "mean_accuracy",
    "mean_dice",
    "mean_iou",
    "mended_by_class",
    "mended_by_kind",
    "mended_by_pair",
    "mended_by_size",
    "mended_miou",
    "object_counts",
    "object_scores",
    "pixel_accuracy",
    "thin_part_counts",
    "thin_part_scores",
    "thin_parts",
]
