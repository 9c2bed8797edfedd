"""Data sets: folders of images and masks, presets, splits, checks, transforms and sampling."""

from .checks import FolderReport, check_folders
from .classes import ClassTable
from .collate import collate
from .crop import RandomScaledCrop
from .errors import DataError, Problem, describe
from .folder import SegmentationFolder
from .images import read_image
from .masks import read_mask, write_mask
from .pairs import Folders
from .presets import Preset, load_preset, preset_names
from .sample import Sample
from .sampling import SeededDataset, SeededSampler
from .split import Split, split_blocks, split_by_pattern
from .transforms import EvaluationTransform, TrainingTransform, restore

__all__ = [
    "ClassTable",
    "DataError",
    "EvaluationTransform",
    "FolderReport",
    "Folders",
    "Preset",
    "Problem",
    "RandomScaledCrop",
    "Sample",
    "SeededDataset",
    "SeededSampler",
    "SegmentationFolder",
    "Split",
    "TrainingTransform",
    "check_folders",
    "collate",
    "describe",
    "load_preset",
    "preset_names",
    "read_image",
    "read_mask",
    "restore",
    "split_blocks",
    "split_by_pattern",
    "write_mask",
]
