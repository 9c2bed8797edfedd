"""Refiners correct a map by its image.

Read `base.py` first, the contract; every other file is one method: `pamr.py`, `par.py`, `affinity.py`, `segfix.py`,
`feature_pooling.py`, `dense_crf.py` with `kernels.py` and `lattice.py`. `tiles.py` applies any of them to large images
part by part.
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
    "tiles",
]
