"""Objective that is trained by where labels are sparse and no other one is named."""

from __future__ import annotations

from hardpix.objectives.gaussian_mixture import GaussianMixture
from hardpix.objectives.sum import Sum
from hardpix.objectives.weighted_cross_entropy import WeightedCrossEntropy

_ROOM = "hardpix.objectives"
FOR_SPARSE_LABELS = {
    "class_path": f"{_ROOM}.Sum",
    "init_args": {
        "objectives": {
            "segmentation": {"class_path": f"{_ROOM}.WeightedCrossEntropy"},
            "mixture": {"class_path": f"{_ROOM}.GaussianMixture"},
        }
    },
}
"""The same as a setting, so that a run keeps it whatever the default will be."""


def for_sparse_labels() -> Sum:
    """Cross-entropy of the labeled pixels, and :class:`GaussianMixture` for the others.

    Example:
        >>> [name for name, _ in for_sparse_labels().named()]
        ['segmentation', 'mixture']
    """
    return Sum({"segmentation": WeightedCrossEntropy(), "mixture": GaussianMixture()})
