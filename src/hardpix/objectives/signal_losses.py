"""Losses that train signals themselves."""

from __future__ import annotations

from collections.abc import Collection

from torch import Tensor, nn

from hardpix.objectives.base import Objective
from hardpix.pixels import PixelBatch
from hardpix.signals import Signal


def signals_in(module: nn.Module) -> list[Signal]:
    """Signals inside a module, each once, in the order of its submodules.

    Example:
        >>> from hardpix.objectives import WeightedCrossEntropy
        >>> from hardpix.signals import Focal, Product, Uniform
        >>> [signal.name for signal in signals_in(WeightedCrossEntropy(Product([Uniform(), Focal()])))]
        ['product', 'uniform', 'focal']
    """
    return [inside for inside in module.modules() if isinstance(inside, Signal)]


def with_signal_losses(objective: Objective, px: PixelBatch, but: Collection[Signal] = ()) -> dict[str, Tensor]:
    """Losses of an objective, and of every signal in it that learns: each once, with weight 1, by the signal's name.

    So neither the order nor the weights of objectives in a :class:`~hardpix.objectives.Sum` change how a branch learns.

    Args:
        objective: on the pixels.
        px: one batch.
        but: signals whose loss is added elsewhere.

    Raises:
        ValueError: a signal that learns has the name of another one, or of a part of the objective's losses.

    Example:
        >>> import torch
        >>> from hardpix.objectives import WeightedCrossEntropy
        >>> px = PixelBatch(torch.zeros(1, 4, 1, 2), torch.tensor([[[3, 255]]]))
        >>> sorted(with_signal_losses(WeightedCrossEntropy(), px))
        ['loss', 'segmentation']
    """
    losses = objective(px)
    for signal in signals_in(objective):
        own = None if signal in but else signal.loss(px)
        if own is not None:
            if signal.name in losses:
                raise ValueError(
                    f"the loss of a {type(signal).__name__} is named {signal.name!r}, as another part of the losses: "
                    "expected one of each name; share one signal, or give your own class another name"
                )
            losses = {**losses, "loss": losses["loss"] + own, signal.name: own}
    return losses
