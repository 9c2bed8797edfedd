"""Labelers say what a pixel is: they turn predictions into labels, and say how far to trust each.

Read `base.py` first, the contract; every other file is one method.
"""

from hardpix.labelers.base import Labeler, PseudoLabels
from hardpix.labelers.confidence_threshold import ConfidenceThreshold
from hardpix.labelers.early_learning import EarlyLearning
from hardpix.labelers.most_likely import known_trust, most_likely

__all__ = ["ConfidenceThreshold", "EarlyLearning", "Labeler", "PseudoLabels", "known_trust", "most_likely"]
