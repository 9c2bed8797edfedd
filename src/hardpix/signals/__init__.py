"""Signals say how much a pixel counts: each file is one of them.

Read `base.py` first, the contract; then `uniform.py` and `focal.py`, the simplest, and `hardness_level.py`, which
learns. `product.py` multiplies several, `within_class.py` compares pixels of one class alone. `entropy.py`, `margin.py`
and `region_impurity.py` ask for no label; with `window_mean.py` they say what to label next.
"""

from hardpix.signals.base import Signal
from hardpix.signals.class_balance import ClassBalance
from hardpix.signals.component_balance import ComponentBalance
from hardpix.signals.depth_privileged import DepthPrivileged
from hardpix.signals.entropy import Entropy
from hardpix.signals.focal import Focal
from hardpix.signals.hardness_level import HardnessLevel
from hardpix.signals.margin import Margin
from hardpix.signals.online_hard import OnlineHard
from hardpix.signals.precomputed import Precomputed
from hardpix.signals.product import Product
from hardpix.signals.reading import signals_that_read
from hardpix.signals.region_impurity import RegionImpurity
from hardpix.signals.uniform import Uniform
from hardpix.signals.window_mean import WindowMean
from hardpix.signals.within_class import WithinClass

__all__ = [
    "ClassBalance",
    "ComponentBalance",
    "DepthPrivileged",
    "Entropy",
    "Focal",
    "HardnessLevel",
    "Margin",
    "OnlineHard",
    "Precomputed",
    "Product",
    "RegionImpurity",
    "Signal",
    "Uniform",
    "WindowMean",
    "WithinClass",
    "signals_that_read",
]
