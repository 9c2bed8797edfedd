"""Scores from counts that merge."""

from hardpix.metrics.calibration import Calibration, calibration_error, reliability_diagram
from hardpix.metrics.classwise_calibration import (
    ClasswiseCalibration,
    classwise_calibration_counts,
    classwise_calibration_error,
)
from hardpix.metrics.confident_joint import ConfidentJoint
from hardpix.metrics.confusion import class_iou, confusion_matrix, mean_iou, pixel_accuracy
from hardpix.metrics.error_histogram import error_histogram
from hardpix.metrics.error_ranking import ErrorRanking, error_ranking, risk_at_coverage
from hardpix.metrics.hardness_deciles import HardnessDeciles, hardness_counts, iou_by_hardness
from hardpix.metrics.label_suspects import LabelSuspects, find_label_suspects
from hardpix.metrics.ranking import auroc, correlation
from hardpix.metrics.scores import SegmentationScores
from hardpix.metrics.self_confidence import SelfConfidence, confident_thresholds, self_confidence_counts
from hardpix.metrics.suspect_regions import SuspectRegion, suspect_regions

__all__ = [
    "Calibration",
    "ClasswiseCalibration",
    "ConfidentJoint",
    "ErrorRanking",
    "HardnessDeciles",
    "LabelSuspects",
    "SegmentationScores",
    "SelfConfidence",
    "SuspectRegion",
    "auroc",
    "calibration_error",
    "class_iou",
    "classwise_calibration_counts",
    "classwise_calibration_error",
    "confident_thresholds",
    "confusion_matrix",
    "correlation",
    "error_histogram",
    "error_ranking",
    "find_label_suspects",
    "hardness_counts",
    "iou_by_hardness",
    "mean_iou",
    "pixel_accuracy",
    "reliability_diagram",
    "risk_at_coverage",
    "self_confidence_counts",
    "suspect_regions",
]
