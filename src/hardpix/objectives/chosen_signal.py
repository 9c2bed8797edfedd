"""One signal of an objective, chosen for its map."""

from __future__ import annotations

from torch import nn

from hardpix.objectives.base import Objective
from hardpix.objectives.signal_losses import signals_in
from hardpix.signals import Signal


def shown_signal(objective: nn.Module) -> Signal | None:
    """First signal of an objective or recipe that has a level from 0 to 1, such as learned hardness; None without one.

    Signals that read further maps of the sample are left out: images alone do not give their level.

    Example:
        >>> from hardpix.objectives import WeightedCrossEntropy
        >>> from hardpix.signals import Focal, HardnessLevel, Product
        >>> shown_signal(WeightedCrossEntropy(Product([Focal(), HardnessLevel()]))).name
        'hardness'
    """
    return next((signal for signal in signals_in(objective) if signal.has_level and not signal.reads), None)


def signal_named(objective: nn.Module, name: str) -> Signal:
    """Signal of an objective or recipe by its class, or by the name under which its map is published.

    Raises:
        ValueError: no signal is called so, or several are.

    Example:
        >>> from hardpix.objectives import WeightedCrossEntropy
        >>> from hardpix.signals import Focal
        >>> signal_named(WeightedCrossEntropy(Focal()), "Focal").name
        'focal'
    """
    signals = signals_in(objective)
    found = [signal for signal in signals if name in (type(signal).__name__, signal.name)]
    if len(found) == 1:
        return found[0]
    kind = "objective" if isinstance(objective, Objective) else "recipe"
    choices = ", ".join(f"{type(signal).__name__} ({signal.name})" for signal in signals) or "none"
    raise ValueError(
        f"expected one signal {name!r} in the {kind} {type(objective).__name__}, found {len(found)}; "
        f"its signals are: {choices}"
    )
