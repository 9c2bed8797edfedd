"""Data sets: folders of images and masks, presets, splits, checks, transforms and sampling."""

from .classes import ClassTable
from .errors import DataError, Problem
from .folder import Sample, SegmentationFolder
from .pairs import Folders

__all__ = ["ClassTable", "DataError", "Folders", "Problem", "Sample", "SegmentationFolder"]
