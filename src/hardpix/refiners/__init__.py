"""Refiners correct a map by its image.

Read `base.py` first, the contract; every other file is one method: `pamr.py`.
"""

from hardpix.refiners.base import Refiner
from hardpix.refiners.pamr import PAMR

__all__ = ["PAMR", "Refiner"]
