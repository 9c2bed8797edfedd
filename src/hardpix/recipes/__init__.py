"""Recipes say who sees what in one step of training: which batches, which networks, which targets.

Read `base.py` first, the contract. Every other file is one method.
"""

from hardpix.recipes.base import Recipe
from hardpix.recipes.self_training import SelfTraining
from hardpix.recipes.supervised import Supervised
from hardpix.recipes.two_views import TwoViews

__all__ = ["Recipe", "SelfTraining", "Supervised", "TwoViews"]
