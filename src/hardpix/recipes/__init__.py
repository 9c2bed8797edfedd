"""Recipes say who sees what in one step of training: which batches, which networks, which targets.

Read `base.py` first, the contract. `adding.py`, `parts.py` and `snapshot.py` are pieces of recipes; every other file is
one method.
"""

from hardpix.recipes.base import Recipe
from hardpix.recipes.future_self_training import FutureSelfTraining
from hardpix.recipes.self_training import SelfTraining
from hardpix.recipes.supervised import Supervised
from hardpix.recipes.two_views import TwoViews

__all__ = ["FutureSelfTraining", "Recipe", "SelfTraining", "Supervised", "TwoViews"]
