"""Objectives say what a batch costs, each pixel weighed by a signal.

Read `base.py` first, the contract; then `weighting.py`, the one place that masks unlabeled pixels, and
`weighted_cross_entropy.py`. `signal_losses.py` adds what trains the signals themselves. `pixel_contrast.py` is made of
`sampling.py`, `keys.py`, `groups.py`, `memory.py` and `info_nce.py`; `contrast/` compares pixels with whole classes.
`skeleton_recall.py`, `soft_cl_dice.py` and `connectivity.py` ask for thin things, of the classes that
`thin_classes.py` chooses; `boundary_loss.py` and `border_cross_entropy.py` for borders, `class_tree/` for the right
group of classes. `negative_learning.py` and `neighbor_agreement.py` go with few labels that a query has asked for.
`at_points.py` runs an objective on drawn pixels alone; `mask_classification.py` trains the queries of networks that
classify masks.
"""

from hardpix.objectives.at_points import AtPoints
from hardpix.objectives.base import Objective
from hardpix.objectives.border_cross_entropy import BorderCrossEntropy
from hardpix.objectives.boundary_loss import BoundaryLoss
from hardpix.objectives.chosen_signal import shown_signal, signal_named
from hardpix.objectives.class_tree import LogicRules, TreeCrossEntropy
from hardpix.objectives.connectivity import Connectivity, connectivity_of
from hardpix.objectives.contrast import ClassContrast
from hardpix.objectives.distillation import (
    ChannelDistillation,
    Distillation,
    ImageDistillation,
    LabelDistillation,
    RegionDistillation,
)
from hardpix.objectives.gaussian_mixture import GaussianMixture
from hardpix.objectives.mask_classification import MaskClassification
from hardpix.objectives.multi_scale_agreement import MultiScaleAgreement
from hardpix.objectives.negative_learning import NegativeLearning
from hardpix.objectives.neighbor_agreement import NeighborAgreement
from hardpix.objectives.pixel_contrast import PixelContrast
from hardpix.objectives.side_outputs import SideOutputs
from hardpix.objectives.signal_losses import losses_of_signals, signals_in, with_signal_losses
from hardpix.objectives.skeleton_recall import SkeletonRecall
from hardpix.objectives.soft_cl_dice import SoftClDice
from hardpix.objectives.sparse import for_sparse_labels
from hardpix.objectives.sum import Sum
from hardpix.objectives.weighted_cross_entropy import WeightedCrossEntropy
from hardpix.objectives.weighting import weight_map

__all__ = [
    "AtPoints",
    "BorderCrossEntropy",
    "BoundaryLoss",
    "ChannelDistillation",
    "ClassContrast",
    "Connectivity",
    "Distillation",
    "GaussianMixture",
    "ImageDistillation",
    "LabelDistillation",
    "LogicRules",
    "MaskClassification",
    "MultiScaleAgreement",
    "NegativeLearning",
    "NeighborAgreement",
    "Objective",
    "PixelContrast",
    "RegionDistillation",
    "SideOutputs",
    "SkeletonRecall",
    "SoftClDice",
    "Sum",
    "TreeCrossEntropy",
    "WeightedCrossEntropy",
    "connectivity_of",
    "for_sparse_labels",
    "losses_of_signals",
    "shown_signal",
    "signal_named",
    "signals_in",
    "weight_map",
    "with_signal_losses",
]
