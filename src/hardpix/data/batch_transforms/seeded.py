"""Random draws that depend on nothing but a seed and the number of the call."""

from __future__ import annotations

from zlib import crc32

import torch
from torch import Tensor, distributed, nn

from hardpix.data.batch_transforms.base import Batch
from hardpix.data.seeds import mixed_seed


class SeededTransform(nn.Module):
    """A batch transform that draws. Its n-th call depends on (class, seed, process, n) and the batch alone.

    n counts the calls in training mode and is part of the state, so that a resumed run draws what an uninterrupted one
    does. Two transforms of one class need different seeds, or they draw the same. Draws are made on the CPU: they are
    the same on every device. A transform of your own needs ``transform``.

    Example:
        >>> class Shift(SeededTransform):
        ...     def transform(self, batch, partner, generator):
        ...         return batch | {"image": batch["image"] + torch.rand(1, generator=generator)}
        >>> batch = {"image": torch.zeros(1, 3, 1, 1)}
        >>> shift, again = Shift(seed=1), Shift(seed=1)
        >>> first, second = shift(batch)["image"], shift(batch)["image"]
        >>> first.equal(second), first.equal(again(batch)["image"])
        (False, True)
    """

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        if seed < 0:
            raise ValueError(f"expected a seed ≥ 0, found {seed}")
        self.seed = seed
        self.calls = 0

    def forward(self, batch: Batch, partner: Batch | None = None) -> Batch:
        """The transformed batch, a new one."""
        rank = distributed.get_rank() if distributed.is_available() and distributed.is_initialized() else 0
        # The class's name keeps CutMix and ClassMix of one seed from being drawn alike.
        seed = mixed_seed(crc32(type(self).__name__.encode()), self.seed, rank, self.calls)
        transformed = self.transform(batch, partner, torch.Generator().manual_seed(seed))
        self.calls += self.training
        return transformed

    def transform(self, batch: Batch, partner: Batch | None, generator: torch.Generator) -> Batch:
        """The transformed batch, a new one; every draw comes from the generator, which is on the CPU."""
        raise NotImplementedError(f"{type(self).__name__} must define transform(batch, partner, generator)")

    def get_extra_state(self) -> Tensor:
        return torch.tensor(self.calls)

    def set_extra_state(self, state: Tensor) -> None:
        self.calls = int(state)
