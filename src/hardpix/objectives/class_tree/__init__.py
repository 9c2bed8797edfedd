"""Objectives for classes that form a tree.

`tree_cross_entropy.py` works with any network: the probability of a group is the sum over its classes.
"""

from hardpix.objectives.class_tree.tree_cross_entropy import TreeCrossEntropy

__all__ = ["TreeCrossEntropy"]
