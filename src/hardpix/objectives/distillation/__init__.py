"""Distillation: losses of a student that says other things than its teacher.

`asked.py` looks at what the teacher says; every other file is one method.
"""

from hardpix.objectives.distillation.channel_distillation import ChannelDistillation
from hardpix.objectives.distillation.image_distillation import ImageDistillation
from hardpix.objectives.distillation.label_distillation import LabelDistillation
from hardpix.objectives.distillation.pixel_distillation import Distillation
from hardpix.objectives.distillation.region_distillation import RegionDistillation

__all__ = ["ChannelDistillation", "Distillation", "ImageDistillation", "LabelDistillation", "RegionDistillation"]
