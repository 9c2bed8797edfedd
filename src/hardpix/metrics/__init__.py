"""Scores from counts that merge."""

from hardpix.metrics.boundary_errors import BoundaryErrors, boundary_error_counts, boundary_error_scores
from hardpix.metrics.boundary_f import BoundaryF, boundary_f_counts, boundary_f_scores
from hardpix.metrics.boundary_iou import BoundaryIoU, boundary_iou_counts, boundary_iou_scores
from hardpix.metrics.calibration import Calibration, calibration_error, reliability_diagram
from hardpix.metrics.cl_dice import ClDice, cl_dice_counts, cl_dice_scores
from hardpix.metrics.classwise_calibration import (
    ClasswiseCalibration,
    classwise_calibration_counts,
    classwise_calibration_error,
)
from hardpix.metrics.components import Components, connected_components
from hardpix.metrics.confident_joint import ConfidentJoint
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
from hardpix.metrics.error_histogram import error_histogram
from hardpix.metrics.error_kind_metric import ErrorKindScores
from hardpix.metrics.error_kinds import ErrorKind, ErrorKinds, classify_errors
from hardpix.metrics.error_ranking import ErrorRanking, error_ranking, risk_at_coverage
from hardpix.metrics.fixed_errors import (
    errors_by_class,
    miou_if_fixed,
    miou_if_fixed_by_class,
    miou_if_fixed_by_class_and_kind,
    miou_if_fixed_by_kind,
    miou_if_fixed_by_pair,
    miou_if_fixed_by_size,
)
from hardpix.metrics.hardness_deciles import HardnessDeciles, hardness_counts, iou_by_hardness
from hardpix.metrics.label_suspects import LabelSuspects, find_label_suspects
from hardpix.metrics.matched_objects import MatchedObjects, match_objects
from hardpix.metrics.object_metric import ObjectScores
from hardpix.metrics.objects import ObjectCounts, object_counts, object_scores
from hardpix.metrics.ranking import auroc, correlation
from hardpix.metrics.review_curve import review_curve
from hardpix.metrics.scores import SegmentationScores
from hardpix.metrics.self_confidence import SelfConfidence, confident_thresholds, self_confidence_counts
from hardpix.metrics.suspect_regions import SuspectRegion, suspect_regions
from hardpix.metrics.thin_parts import ThinParts, thin_part_counts, thin_part_scores, thin_parts

__all__ = [
    "BoundaryErrors",
    "BoundaryF",
    "BoundaryIoU",
    "Calibration",
    "ClDice",
    "ClasswiseCalibration",
    "Components",
    "ConfidentJoint",
    "ErrorKind",
    "ErrorKindScores",
    "ErrorKinds",
    "ErrorRanking",
    "HardnessDeciles",
    "LabelSuspects",
    "MatchedObjects",
    "ObjectCounts",
    "ObjectScores",
    "SegmentationScores",
    "SelfConfidence",
    "SuspectRegion",
    "ThinParts",
    "auroc",
    "boundary_error_counts",
    "boundary_error_scores",
    "boundary_f_counts",
    "boundary_f_scores",
    "boundary_iou_counts",
    "boundary_iou_scores",
    "calibration_error",
    "cl_dice_counts",
    "cl_dice_scores",
    "class_accuracy",
    "class_dice",
    "class_iou",
    "class_precision",
    "classify_errors",
    "classwise_calibration_counts",
    "classwise_calibration_error",
    "confident_thresholds",
    "confusion_matrix",
    "connected_components",
    "correlation",
    "error_histogram",
    "error_ranking",
    "errors_by_class",
    "find_label_suspects",
    "frequency_weighted_iou",
    "hardness_counts",
    "iou_by_hardness",
    "match_objects",
    "mean_accuracy",
    "mean_dice",
    "mean_iou",
    "miou_if_fixed",
    "miou_if_fixed_by_class",
    "miou_if_fixed_by_class_and_kind",
    "miou_if_fixed_by_kind",
    "miou_if_fixed_by_pair",
    "miou_if_fixed_by_size",
    "object_counts",
    "object_scores",
    "pixel_accuracy",
    "reliability_diagram",
    "review_curve",
    "risk_at_coverage",
    "self_confidence_counts",
    "suspect_regions",
    "thin_part_counts",
    "thin_part_scores",
    "thin_parts",
]
