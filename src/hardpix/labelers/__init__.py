"""Labelers say what a pixel is: they turn predictions into labels, and say how far to trust each.

Read `base.py` first, the contract; every other file is one method.
"""

from hardpix.labelers.base import Labeler, PseudoLabels
from hardpix.labelers.confidence_threshold import ConfidenceThreshold
from hardpix.labelers.early_learning import EarlyLearning
from hardpix.labelers.gaussian_mixture import MixtureLabels
from hardpix.labelers.most_likely import known_trust, most_likely, trust_beyond_labels
from hardpix.labelers.points import PointComponents

__all__ = [
    "ConfidenceThreshold",
    "EarlyLearning",
    "Labeler",
    "MixtureLabels",
    "PointComponents",
    "PseudoLabels",
    "known_trust",
    "most_likely",
    "trust_beyond_labels",
]
