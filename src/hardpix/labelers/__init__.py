"""Labelers say what a pixel is: they turn predictions into labels, and say how far to trust each.

Read `base.py` first, the contract; every other file is one method. `thresholds/` has the rules
by which confident labels are chosen, `asked_signal.py` a signal of ours that labels are judged by.
"""

from hardpix.labelers.asked_signal import AskedSignal
from hardpix.labelers.base import Labeler, PseudoLabels
from hardpix.labelers.confidence_threshold import ConfidenceThreshold
from hardpix.labelers.confidence_weighted import ConfidenceWeighted
from hardpix.labelers.early_learning import EarlyLearning
from hardpix.labelers.gaussian_mixture import MixtureLabels
from hardpix.labelers.most_likely import known_trust, most_likely, trust_beyond_labels
from hardpix.labelers.points import PointComponents
from hardpix.labelers.trusted_by import TrustedBy

__all__ = [
    "AskedSignal",
    "ConfidenceThreshold",
    "ConfidenceWeighted",
    "EarlyLearning",
    "Labeler",
    "MixtureLabels",
    "PointComponents",
    "PseudoLabels",
    "TrustedBy",
    "known_trust",
    "most_likely",
    "trust_beyond_labels",
]
