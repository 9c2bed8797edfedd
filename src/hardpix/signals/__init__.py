"""What makes a pixel hard: each file one signal."""

from hardpix.signals.base import Signal
from hardpix.signals.class_balance import ClassBalance
from hardpix.signals.depth_privileged import DepthPrivileged
from hardpix.signals.focal import Focal
from hardpix.signals.hardness_level import HardnessLevel
from hardpix.signals.online_hard import OnlineHard
from hardpix.signals.precomputed import Precomputed
from hardpix.signals.product import Product
from hardpix.signals.reading import signals_that_read
from hardpix.signals.uniform import Uniform

__all__ = [
    "ClassBalance",
    "DepthPrivileged",
    "Focal",
    "HardnessLevel",
    "OnlineHard",
    "Precomputed",
    "Product",
    "Signal",
    "Uniform",
    "signals_that_read",
]
