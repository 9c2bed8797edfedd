"""Objectives for classes that form a tree.

`tree_cross_entropy.py` works with any network: the probability of a group is the sum over its classes.
`logic_rules.py` gives each group a score of its own (`group_scores.py`), learned by `asymmetric.py`, and counts how far
the scores violate the rules of the tree (`violations.py`).
"""

from hardpix.objectives.class_tree.logic_rules import LogicRules
from hardpix.objectives.class_tree.tree_cross_entropy import TreeCrossEntropy

__all__ = ["LogicRules", "TreeCrossEntropy"]
