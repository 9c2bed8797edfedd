"""Modules that a recipe consists of."""

from __future__ import annotations

from torch import nn

from hardpix.labelers import Labeler
from hardpix.networks import TappedNetwork
from hardpix.objectives import signals_in
from hardpix.teachers import Teacher


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


def require_readable(labeler: Labeler, teacher: Teacher | None) -> None:
    """Refuse a labeler that asks a signal which learns about the pixels of a foreign teacher.

    Raises:
        ValueError: the signal reads the features of the network that learns, and the teacher has others.

    Example:
        >>> from hardpix.labelers import ConfidenceThreshold
        >>> from hardpix.teachers import Frozen
        >>> require_readable(ConfidenceThreshold(), Frozen(nn.Conv2d(3, 2, 1)))
    """
    learned = [signal for signal in signals_in(labeler) if any(p.requires_grad for p in signal.parameters())]
    if learned and teacher is not None and not teacher.follows_student:
        raise ValueError(
            f"{type(labeler).__name__} asks {type(learned[0]).__name__} about the teacher's pixels, which learns from "
            "the features of the network that learns: expected a teacher that is made from this network, such as "
            f"MovingAverage, found {type(teacher).__name__}"
        )
