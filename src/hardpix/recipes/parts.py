"""Modules that a recipe consists of."""

from __future__ import annotations

from torch import nn

from hardpix.networks import TappedNetwork


def parts_of(recipe: nn.Module) -> list[nn.Module]:
    """The recipe and everything in it but its networks, whose modules are the user's own.

    Example:
        >>> from hardpix.objectives import WeightedCrossEntropy
        >>> from hardpix.recipes import Supervised
        >>> from hardpix.signals import Focal
        >>> [type(part).__name__ for part in parts_of(Supervised(WeightedCrossEntropy(Focal())))]
        ['Supervised', 'WeightedCrossEntropy', 'Focal']
    """
    of_networks = {
        inside for network in recipe.modules() if isinstance(network, TappedNetwork) for inside in network.modules()
    }
    return [part for part in recipe.modules() if part not in of_networks]
