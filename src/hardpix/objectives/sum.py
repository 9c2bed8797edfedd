"""Several objectives at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Self, cast

import torch
from torch import Tensor, nn

from hardpix.networks.binding import bound
from hardpix.objectives.base import Objective
from hardpix.pixels import PixelBatch

if TYPE_CHECKING:
    from hardpix.networks import TappedNetwork


class Sum(Objective):
    """Σ weight_k · loss_k of named objectives, run in the order given.

    A later objective may use maps that an earlier one's signals have published in ``px.maps``. The losses of signals
    that learn are no part of the sum and of its weights: the step adds each of them once.

    Args:
        objectives: by name.
        weights: by the same names; those left out count 1.

    Returns (from forward):
        "loss", the total, and every part as "name/part", without its weight.

    Raises:
        ValueError: no objective; a name that no submodule can have; a weight for a name that is none.

    Example:
        >>> from hardpix.objectives import WeightedCrossEntropy
        >>> objective = Sum({"plain": WeightedCrossEntropy(), "smooth": WeightedCrossEntropy(label_smoothing=0.1)})
        >>> px = PixelBatch(torch.zeros(1, 4, 1, 2), torch.tensor([[[3, 255]]]))
        >>> objective(px)["loss"]  # 2 · log 4
        tensor(2.7726)
    """

    def __init__(self, objectives: Mapping[str, Objective], weights: Mapping[str, float] | None = None) -> None:
        super().__init__()
        weights = dict(weights or {})
        if not objectives:
            raise ValueError("Sum needs at least one objective, found none")
        for name in objectives:
            # torch's own message does not say what the name was of.
            if not isinstance(name, str) or name == "" or "." in name or hasattr(nn.ModuleDict(), name):
                raise ValueError(
                    f"an objective cannot be named {name!r}: expected a text, not empty, without dots, that is no "
                    "attribute of torch.nn.ModuleDict (such as 'keys' or 'type'); give it another name"
                )
        if unknown := sorted(set(weights) - set(objectives)):
            raise ValueError(f"weights for {unknown}, but the objectives are named {sorted(objectives)}")
        self.objectives = nn.ModuleDict(dict(objectives))
        self.weights = {name: weights.get(name, 1.0) for name in objectives}

    def named(self) -> list[tuple[str, Objective]]:
        """The objectives with their names, in order."""
        return [(name, cast(Objective, objective)) for name, objective in self.objectives.items()]

    def bind(self, network: TappedNetwork) -> Self:
        for _, objective in self.named():
            bound(objective, network)
        return self

    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        totals, parts = [], {}
        for name, objective in self.named():
            losses = objective(px)
            totals.append(self.weights[name] * losses["loss"])
            parts.update({f"{name}/{part}": value for part, value in losses.items()})
        return {"loss": torch.stack(totals).sum(), **parts}
