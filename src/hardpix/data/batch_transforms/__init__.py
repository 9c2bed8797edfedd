"""Batch transforms change a whole batch: strong color, CutMix, ClassMix.

Read `base.py` first, the contract; then `pasting.py` and `seeded.py`, which the methods are made of. Every other file
is one method.
"""

from hardpix.data.batch_transforms.base import Batch, BatchTransform
from hardpix.data.batch_transforms.class_mix import ClassMix
from hardpix.data.batch_transforms.compose import Compose
from hardpix.data.batch_transforms.cut_mix import CutMix
from hardpix.data.batch_transforms.pasting import paste, per_pixel_entries
from hardpix.data.batch_transforms.seeded import SeededTransform
from hardpix.data.batch_transforms.strong_color import StrongColor

__all__ = [
    "Batch",
    "BatchTransform",
    "ClassMix",
    "Compose",
    "CutMix",
    "SeededTransform",
    "StrongColor",
    "paste",
    "per_pixel_entries",
]
