"""Refiners correct a map, by its image or by what is known of its classes.

Read `base.py` first, the contract; every other file is one method: `pamr.py`, `par.py`, `affinity.py`, `segfix.py`,
`feature_pooling.py`, `dense_crf.py` with `kernels.py` and `lattice.py`, `tree_path.py`, `tree_messages.py`. `tiles.py`
applies any of them to large images part by part.
"""

from hardpix.refiners.affinity import Affinity
from hardpix.refiners.base import Refiner
from hardpix.refiners.dense_crf import DenseCRF
from hardpix.refiners.feature_pooling import FeaturePooling
from hardpix.refiners.local_affinity import LocalAffinity
from hardpix.refiners.pamr import PAMR
from hardpix.refiners.par import PAR
from hardpix.refiners.segfix import SegFix
from hardpix.refiners.tiles import Tile, Tiled, tiles
from hardpix.refiners.tree_messages import TreeMessages
from hardpix.refiners.tree_path import TreePath

__all__ = [
    "PAMR",
    "PAR",
    "Affinity",
    "DenseCRF",
    "FeaturePooling",
    "LocalAffinity",
    "Refiner",
    "SegFix",
    "Tile",
    "Tiled",
    "TreeMessages",
    "TreePath",
    "tiles",
]
