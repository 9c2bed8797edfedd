"""Losses of several objectives as those of one step."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


def add(losses: Mapping[str, Mapping[str, Tensor]], weights: Mapping[str, float]) -> dict[str, Tensor]:
    """Σ weight · loss of named losses, and every part of them as "name/part", without its weight.

    Args:
        losses: by name, each with its total as "loss".
        weights: by the same names; those left out count 1.

    Example:
        >>> add({"labeled": {"loss": torch.tensor(1.0)}, "unlabeled": {"loss": torch.tensor(2.0)}}, {"unlabeled": 0.5})
        {'loss': tensor(2.), 'labeled/loss': tensor(1.), 'unlabeled/loss': tensor(2.)}
    """
    totals = [weights.get(name, 1.0) * parts["loss"] for name, parts in losses.items()]
    named = {f"{name}/{part}": value for name, parts in losses.items() for part, value in parts.items()}
    return {"loss": torch.stack(totals).sum(), **named}
