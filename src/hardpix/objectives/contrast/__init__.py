"""Contrast of pixels with what is known of whole classes.

`class_contrast.py` is the objective, `distribution.py` its formulas, `statistics.py` its memory. Contrast of pixels
with single other pixels is `PixelContrast`.
"""

from hardpix.objectives.contrast.class_contrast import ClassContrast
from hardpix.objectives.contrast.statistics import ClassStatistics

__all__ = ["ClassContrast", "ClassStatistics"]
