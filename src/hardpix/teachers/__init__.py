"""Teachers are asked and not taught: networks whose predictions another network learns from.

Read `base.py` first, the contract; every other file is one teacher.
"""

from hardpix.teachers.base import Teacher
from hardpix.teachers.ensemble import Ensemble, EnsembleBatch
from hardpix.teachers.frozen import Frozen
from hardpix.teachers.many_views import ManyViews
from hardpix.teachers.moving_average import MovingAverage

__all__ = ["Ensemble", "EnsembleBatch", "Frozen", "ManyViews", "MovingAverage", "Teacher"]
