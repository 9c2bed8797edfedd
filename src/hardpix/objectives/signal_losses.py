"""Losses that train signals themselves."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor, nn

from hardpix.objectives.base import Objective
from hardpix.pixels import PixelBatch
from hardpix.signals import Signal
from hardpix.teachers import Teacher


def signals_in(module: nn.Module) -> list[Signal]:
    """Signals inside a module, each once, in the order of its submodules.

    Copies that a teacher keeps of one are left out: they are asked and not taught.

    Example:
        >>> from hardpix.objectives import WeightedCrossEntropy
        >>> from hardpix.signals import Focal, Product, Uniform
        >>> [signal.name for signal in signals_in(WeightedCrossEntropy(Product([Uniform(), Focal()])))]
        ['product', 'uniform', 'focal']
    """
    copies = {inside for teacher in module.modules() if isinstance(teacher, Teacher) for inside in teacher.modules()}
    return [inside for inside in module.modules() if isinstance(inside, Signal) and inside not in copies]


def losses_of_signals(module: nn.Module, px: PixelBatch) -> dict[str, Tensor]:
    """Losses of the signals that learn inside a labeler, from pixels with labels: "loss", their sum, and each by name.

    Empty where none learns. An objective that has signals of the same names needs another ``PixelBatch``.

    Example:
        >>> losses_of_signals(nn.Identity(), PixelBatch(torch.zeros(1, 2, 1, 1), torch.tensor([[[0]]])))
        {}
    """
    losses = {signal.name: loss for signal in signals_in(module) if (loss := signal.loss(px)) is not None}
    return {"loss": torch.stack(list(losses.values())).sum(), **losses} if losses else {}


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
