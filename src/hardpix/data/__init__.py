"""Data sets: folders of images and masks, presets, splits, checks, transforms and sampling.

Read `map_kind.py` and `maps.py` first, the one list of per-pixel maps. `files.py` and `pairs.py` find files;
`images.py`, `masks.py` and `classes.py` read them; `folder.py` is the data set of it all. `checks.py` says what is
doubtful before a training. `transforms.py` and `crop.py` change single samples, `batch_transforms/` whole batches.
"""

from hardpix.data.checks import check_folders
from hardpix.data.classes import ClassTable
from hardpix.data.collate import collate
from hardpix.data.crop import RandomScaledCrop
from hardpix.data.depth import DepthFormat, read_depth
from hardpix.data.errors import DataError, Problem, describe
from hardpix.data.folder import SegmentationFolder
from hardpix.data.image_format import ImageFormat
from hardpix.data.images import read_image
from hardpix.data.maps import MAPS, MapKind
from hardpix.data.masks import read_mask, write_mask
from hardpix.data.pairs import ImagePaths
from hardpix.data.presets import Preset, load_preset, preset_names
from hardpix.data.problem_report import ProblemReport
from hardpix.data.sample import Sample
from hardpix.data.sampling import EndlessSampler, SeededDataset, SeededSampler
from hardpix.data.split import Split, split_blocks, split_by_pattern
from hardpix.data.transforms import EvaluationTransform, TrainingTransform, Transformed, restore

__all__ = [
    "MAPS",
    "ClassTable",
    "DataError",
    "DepthFormat",
    "EndlessSampler",
    "EvaluationTransform",
    "ImageFormat",
    "ImagePaths",
    "MapKind",
    "Preset",
    "Problem",
    "ProblemReport",
    "RandomScaledCrop",
    "Sample",
    "SeededDataset",
    "SeededSampler",
    "SegmentationFolder",
    "Split",
    "TrainingTransform",
    "Transformed",
    "check_folders",
    "collate",
    "describe",
    "load_preset",
    "preset_names",
    "read_depth",
    "read_image",
    "read_mask",
    "restore",
    "split_blocks",
    "split_by_pattern",
    "write_mask",
]
