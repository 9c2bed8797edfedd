"""Pure functions on maps of pixels, and the batch that carries them. This room knows no signal and no network.

Read `batch.py` first: `PixelBatch` is what signals and objectives look at. Then `class_ids.py`, `validity.py` and
`precision.py`, the rules for labels and types, and `reduce.py`, sums and means over several processes. Every other file
is one kind of map: losses, borders, distances, skeletons, connectivity, thin parts, components, cells of a coarser
grid, depth, windows (`box_filter.py`) and what is picked of a map (`picks.py`). `points.py` reads maps between pixels.
"""

from hardpix.pixels.batch import MapSource, PixelBatch
from hardpix.pixels.borders import border_band, distance_to_border
from hardpix.pixels.box_filter import box_mean, box_sum, window_sizes
from hardpix.pixels.cells import cell_labels, cell_values
from hardpix.pixels.class_tree import ClassTree, TreeLevel
from hardpix.pixels.components import component_ids, component_sizes
from hardpix.pixels.connectivity import best_votes, both_weights, connectivity, log_votes
from hardpix.pixels.dataset_info import DatasetInfo
from hardpix.pixels.depth import depth_aware_error, depth_prediction_error, known_depth
from hardpix.pixels.depth_losses import depth_loss
from hardpix.pixels.distances import distance_to, signed_distances
from hardpix.pixels.known_tree import KnownTree, group_sums, parents_of
from hardpix.pixels.late_verdicts import LateVerdicts
from hardpix.pixels.losses import cross_entropy_map, divergence_map
from hardpix.pixels.map_check import MapCheck
from hardpix.pixels.padding import padding_of
from hardpix.pixels.picks import Picks, best_over_images, greedy_picks
from hardpix.pixels.points import CountedPixels, pixel_centers, read_bilinear, read_nearest
from hardpix.pixels.precision import at_least_float32
from hardpix.pixels.prepared import Prepared, prepare_all
from hardpix.pixels.reduce import global_max, global_sum, joined_sum, process_count, process_mean, weighted_mean
from hardpix.pixels.resize import resize_bilinear
from hardpix.pixels.selection import kth_smallest
from hardpix.pixels.taps import NO_TAPS, Queries, Taps
from hardpix.pixels.thin import thin_parts
from hardpix.pixels.thinning import skeletons, tubes
from hardpix.pixels.validity import TargetCheck, valid_mask

__all__ = [
    "NO_TAPS",
    "ClassTree",
    "CountedPixels",
    "DatasetInfo",
    "KnownTree",
    "LateVerdicts",
    "MapCheck",
    "MapSource",
    "Picks",
    "PixelBatch",
    "Prepared",
    "Queries",
    "Taps",
    "TargetCheck",
    "TreeLevel",
    "at_least_float32",
    "best_over_images",
    "best_votes",
    "border_band",
    "both_weights",
    "box_mean",
    "box_sum",
    "cell_labels",
    "cell_values",
    "component_ids",
    "component_sizes",
    "connectivity",
    "cross_entropy_map",
    "depth_aware_error",
    "depth_loss",
    "depth_prediction_error",
    "distance_to",
    "distance_to_border",
    "divergence_map",
    "global_max",
    "global_sum",
    "greedy_picks",
    "group_sums",
    "joined_sum",
    "known_depth",
    "kth_smallest",
    "log_votes",
    "padding_of",
    "parents_of",
    "pixel_centers",
    "prepare_all",
    "process_count",
    "process_mean",
    "read_bilinear",
    "read_nearest",
    "resize_bilinear",
    "signed_distances",
    "skeletons",
    "thin_parts",
    "tubes",
    "valid_mask",
    "weighted_mean",
    "window_sizes",
]
