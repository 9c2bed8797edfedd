"""Refiners correct a map by its image.

Read `base.py` first, the contract; every other file is one method: `pamr.py`, `affinity.py`.
"""

from hardpix.refiners.affinity import Affinity
from hardpix.refiners.base import Refiner
from hardpix.refiners.pamr import PAMR

__all__ = ["PAMR", "Affinity", "Refiner"]
