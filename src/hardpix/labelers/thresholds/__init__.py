"""Thresholds say which of the surest labels are kept, or how far each counts.

Read `base.py` first, the contract; every other file is one rule. `moments.py` has the means that they follow.
"""

from hardpix.labelers.thresholds.base import Seen, Threshold
from hardpix.labelers.thresholds.by_hardness import ByHardness
from hardpix.labelers.thresholds.class_floor import ClassFloor
from hardpix.labelers.thresholds.entropy_percentile import EntropyPercentile
from hardpix.labelers.thresholds.fixed import Fixed
from hardpix.labelers.thresholds.floor import Floor
from hardpix.labelers.thresholds.free_match import FreeMatch
from hardpix.labelers.thresholds.sigmoid import Sigmoid
from hardpix.labelers.thresholds.soft_match import SoftMatch

__all__ = [
    "ByHardness",
    "ClassFloor",
    "EntropyPercentile",
    "Fixed",
    "Floor",
    "FreeMatch",
    "Seen",
    "Sigmoid",
    "SoftMatch",
    "Threshold",
]
