"""The objective that is trained if none is named: expected loss times class balance."""

from __future__ import annotations

from typing import Any

from hardpix.objectives.base import Objective
from hardpix.objectives.sparse import FOR_SPARSE_LABELS, for_sparse_labels
from hardpix.objectives.weighted_cross_entropy import WeightedCrossEntropy
from hardpix.signals import ClassBalance, HardnessLevel, Product

ABOUT_DEFAULT = (
    "No objective named: cross-entropy weighted by learned hardness (HardnessLevel) times the inverse square root of "
    "the class frequency (ClassBalance); --model.objective WeightedCrossEntropy is plain cross-entropy, "
    "--model.objective CLASS another objective."
)


def default_objective(sparse: bool = False) -> Objective:
    """Cross-entropy weighted by learned hardness and by class balance, the square root of inverse frequency.

    Class balance finds rare classes, hardness what is thin or confused inside of each class.

    Args:
        sparse: whether labels are clicks, scribbles or blocks: then it is `for_sparse_labels`.

    Example:
        >>> from hardpix.objectives import signals_in
        >>> [type(signal).__name__ for signal in signals_in(default_objective())]
        ['Product', 'HardnessLevel', 'ClassBalance']
    """
    if sparse:
        return for_sparse_labels()
    return WeightedCrossEntropy(Product([HardnessLevel(), ClassBalance(power=0.5)]))


def default_setting(sparse: bool = False) -> dict[str, Any]:
    """The same as class paths and arguments of a configuration, without the arguments that are defaults."""
    if sparse:
        return FOR_SPARSE_LABELS
    signals = [
        {"class_path": "hardpix.signals.HardnessLevel"},
        {"class_path": "hardpix.signals.ClassBalance", "init_args": {"power": 0.5}},
    ]
    product = {"class_path": "hardpix.signals.Product", "init_args": {"signals": signals}}
    return {"class_path": "hardpix.objectives.WeightedCrossEntropy", "init_args": {"signal": product}}
