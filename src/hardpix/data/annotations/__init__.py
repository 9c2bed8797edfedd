"""Annotations of drawing tools: points, lines, polygons and run-length masks, read from json and xml.

Read `shapes.py` first: what was drawn in one image. `labelme.py`, `coco.py` and `cvat.py` read it from files,
`reading.py` tells them apart, and `rasterize.py` makes masks of it.
"""

from hardpix.data.annotations.rasterize import Drawn, rasterize
from hardpix.data.annotations.reading import read_annotations
from hardpix.data.annotations.shapes import ASK, AnnotatedImage, Shape

__all__ = ["ASK", "AnnotatedImage", "Drawn", "Shape", "rasterize", "read_annotations"]
