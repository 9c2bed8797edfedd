"""Signals say how much a pixel counts: each file is one of them.

Read `base.py` first, the contract; then `uniform.py` and `focal.py`, the simplest, and `hardness_level.py`, which
learns. `product.py` multiplies several, `within_class.py` compares pixels of one class alone.
"""

from hardpix.signals.base import Signal
from hardpix.signals.class_balance import ClassBalance
from hardpix.signals.component_balance import ComponentBalance
from hardpix.signals.depth_privileged import DepthPrivileged
from hardpix.signals.focal import Focal
from hardpix.signals.hardness_level import HardnessLevel
from hardpix.signals.online_hard import OnlineHard
from hardpix.signals.precomputed import Precomputed
from hardpix.signals.product import Product
from hardpix.signals.reading import signals_that_read
from hardpix.signals.uniform import Uniform
from hardpix.signals.within_class import WithinClass

__all__ = [
    "ClassBalance",
    "ComponentBalance",
    "DepthPrivileged",
    "Focal",
    "HardnessLevel",
    "OnlineHard",
    "Precomputed",
    "Product",
    "Signal",
    "Uniform",
    "WithinClass",
    "signals_that_read",
]
