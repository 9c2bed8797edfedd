"""Scores from counts that merge."""

from hardpix.metrics.components import Components, connected_components
from hardpix.metrics.confusion import class_iou, confusion_matrix, mean_iou, pixel_accuracy
from hardpix.metrics.error_kind_metric import ErrorKindScores
from hardpix.metrics.error_kinds import ErrorKind, ErrorKinds, classify_errors
from hardpix.metrics.matched_objects import MatchedObjects, match_objects
from hardpix.metrics.mended import mended_by_class, mended_by_kind, mended_by_pair, mended_by_size, mended_miou
from hardpix.metrics.object_metric import ObjectScores
from hardpix.metrics.objects import SIZE_LIMITS, ObjectCounts, object_counts, object_scores
from hardpix.metrics.ranking import auroc, correlation
from hardpix.metrics.scores import SegmentationScores

__all__ = [
    "SIZE_LIMITS",
    "Components",
    "ErrorKind",
    "ErrorKindScores",
    "ErrorKinds",
    "MatchedObjects",
    "ObjectCounts",
    "ObjectScores",
    "SegmentationScores",
    "auroc",
    "class_iou",
    "classify_errors",
    "confusion_matrix",
    "connected_components",
    "correlation",
    "match_objects",
    "mean_iou",
    "mended_by_class",
    "mended_by_kind",
    "mended_by_pair",
    "mended_by_size",
    "mended_miou",
    "object_counts",
    "object_scores",
    "pixel_accuracy",
]
