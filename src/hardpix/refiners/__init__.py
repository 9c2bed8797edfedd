"""Refiners correct a map by its image.

Read `base.py` first, the contract; every other file is one method: `pamr.py`, `par.py`, `affinity.py`. `tiles.py`
applies any of them to large images part by part.
"""

from hardpix.refiners.affinity import Affinity
from hardpix.refiners.base import Refiner
from hardpix.refiners.local_affinity import LocalAffinity
from hardpix.refiners.pamr import PAMR
from hardpix.refiners.par import PAR
from hardpix.refiners.tiles import Tile, Tiled, tiles

__all__ = ["PAMR", "PAR", "Affinity", "LocalAffinity", "Refiner", "Tile", "Tiled", "tiles"]
