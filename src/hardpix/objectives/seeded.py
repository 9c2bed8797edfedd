"""Random draws of an objective that a resumed run makes as an uninterrupted one."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Generator, Tensor

from hardpix.objectives.base import Objective
from hardpix.pixels import process_count


class Seeded(Objective):
    """Objective that draws at random, seeded by a counter of its forwards in training.

    The counter is part of every checkpoint. Each process draws for itself.

    Args:
        seed: of the draws.

    Example:
        >>> class Noise(Seeded):
        ...     def forward(self, px):
        ...         generator = self.generator(self.count_step(), px.logits.device)
        ...         return {"loss": torch.rand((), generator=generator) * px.logits.sum()}
        >>> from hardpix.pixels import PixelBatch
        >>> one, other, px = Noise(seed=1), Noise(seed=1), PixelBatch(torch.ones(1, 2, 1, 1))
        >>> before = one(px)
        >>> other.load_state_dict(one.state_dict())
        <All keys matched successfully>
        >>> bool(one(px)["loss"] == other(px)["loss"])
        True
    """

    step: Tensor

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.seed = seed
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))
        # The same number where asking for it does not wait for the device.
        self._step: int | None = None

    def count_step(self) -> int:
        """The number of this forward in training, from 1; in evaluation that of the last, or of the first to come."""
        if self._step is None:
            self._step = int(self.step)
        if self.training:
            self._step += 1
            self.step.fill_(self._step)
        return max(self._step, 1)

    def generator(self, step: int, device: torch.device) -> Generator:
        """Random numbers of this step and process alone."""
        rank = dist.get_rank() if process_count() > 1 else 0
        return Generator(device).manual_seed(((self.seed * 1_000_003 + step) * 4093 + rank) % 2**63)

    def _load_from_state_dict(self, *arguments: Any, **settings: Any) -> None:
        self._step = None
        super()._load_from_state_dict(*arguments, **settings)
