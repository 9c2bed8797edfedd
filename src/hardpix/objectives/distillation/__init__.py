"""Distillation: losses of a student that says other things than its teacher.

`asked.py` looks at what the teacher says; every other file is one method.
"""

from hardpix.objectives.distillation.channel_distillation import ChannelDistillation
from hardpix.objectives.distillation.pixel_distillation import Distillation

__all__ = ["ChannelDistillation", "Distillation"]
