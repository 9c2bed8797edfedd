"""Refiners correct a map, by its image or by what is known of its classes.

Read `base.py` first, the contract; every other file is one method: `pamr.py`, `affinity.py`,
`tree_path.py`, `tree_messages.py`.
"""

from hardpix.refiners.affinity import Affinity
from hardpix.refiners.base import Refiner
from hardpix.refiners.pamr import PAMR
from hardpix.refiners.tree_messages import TreeMessages
from hardpix.refiners.tree_path import TreePath

__all__ = ["PAMR", "Affinity", "Refiner", "TreeMessages", "TreePath"]
