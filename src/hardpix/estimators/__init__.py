"""Estimators say how well images are labeled that nobody has labeled: accuracy, mIoU, IoU of each class.

Read `base.py` first, the contract, and `evidence.py`, what is counted of an image. `thresholded_confidence.py`,
`difference_of_confidence.py`, `expected_confusion.py`, `agreement.py` and `learned_hardness.py` are one method each;
`prediction.py` adds intervals, and `scoring.py` holds an estimate against the truth.
"""

from hardpix.estimators.agreement import Agreement
from hardpix.estimators.base import Estimator, with_errors_split
from hardpix.estimators.difference_of_confidence import DifferenceOfConfidence
from hardpix.estimators.evidence import Evidence, confidence_bins, count_pixels, stack
from hardpix.estimators.expected_confusion import ExpectedConfusion
from hardpix.estimators.learned_hardness import LearnedHardness
from hardpix.estimators.prediction import Predicted, Predictor
from hardpix.estimators.quality import Quality, expected_quality, quality_of
from hardpix.estimators.scoring import coverage, rank_correlation, score_of
from hardpix.estimators.temperature import TemperatureFit
from hardpix.estimators.thresholded_confidence import ThresholdedConfidence

__all__ = [
    "Agreement",
    "DifferenceOfConfidence",
    "Estimator",
    "Evidence",
    "ExpectedConfusion",
    "LearnedHardness",
    "Predicted",
    "Predictor",
    "Quality",
    "TemperatureFit",
    "ThresholdedConfidence",
    "confidence_bins",
    "count_pixels",
    "coverage",
    "expected_quality",
    "quality_of",
    "rank_correlation",
    "score_of",
    "stack",
    "with_errors_split",
]
