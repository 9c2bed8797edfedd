"""The same random draws for the same seed, whatever the number of workers and processes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sized
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import distributed
from torch.utils.data import Dataset, DistributedSampler

from hardpix.data.seeds import mixed_seed


class SeededSampler(DistributedSampler):
    """Yields (index, epoch), shuffled by (seed, epoch), one part for each process.

    Every process gets equally many samples, as training needs: a few are repeated where they cannot be shared out.
    The epoch travels with the index, so that workers that live for many epochs know it too; `SeededDataset` takes it.
    Lightning calls `set_epoch` and does not replace the sampler.

    Args:
        dataset: only its length is used.
        shuffle: a new order every epoch, else the order of the data.
        seed: of the order.
        num_replicas, rank: number of processes and which this is; by default as torch.distributed says, else 1 and 0.

    Example:
        >>> sampler = SeededSampler(range(3), shuffle=False)
        >>> sampler.set_epoch(4)
        >>> list(sampler)
        [(0, 4), (1, 4), (2, 4)]
    """

    def __init__(
        self,
        dataset: Sized,
        *,
        shuffle: bool = True,
        seed: int = 0,
        num_replicas: int | None = None,
        rank: int | None = None,
    ) -> None:
        together = distributed.is_available() and distributed.is_initialized()
        if num_replicas is None:
            num_replicas = distributed.get_world_size() if together else 1
        if rank is None:
            rank = distributed.get_rank() if together else 0
        super().__init__(dataset, num_replicas, rank, shuffle=shuffle, seed=seed)  # type: ignore[arg-type]
        self._skipped = (0, 0)

    def skip(self, epoch: int, count: int) -> None:
        """Leave out the first samples of an epoch, which a run has seen before it was interrupted."""
        self._skipped = (epoch, count)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        places = self._places()
        epoch, count = self._skipped
        return iter(places[count:] if epoch == self.epoch else places)

    def _places(self) -> list[tuple[int, int]]:
        order = list(range(len(self.dataset)))  # type: ignore[arg-type]
        if self.shuffle:
            order = np.random.default_rng([self.seed, self.epoch]).permutation(len(order)).tolist()
        if order:
            order = (order * math.ceil(self.total_size / len(order)))[: self.total_size]
        return [(index, self.epoch) for index in order[self.rank :: self.num_replicas]]


class EndlessSampler(SeededSampler):
    """Yields (index, pass): each epoch takes the next samples of one endless sequence, and each process its part of it.

    The sequence is one shuffled pass over the data after another, so that all images come equally often however long
    an epoch is. Nothing is repeated for the sake of even parts.

    Args:
        dataset: only its length is used.
        length: samples of an epoch, per process.
        seed: of the order.
        num_replicas, rank: as for `SeededSampler`.

    Example:
        >>> sampler = EndlessSampler(range(3), length=4)
        >>> first = list(sampler)
        >>> sampler.set_epoch(1)
        >>> both = first + list(sampler)
        >>> [sorted(index for index, number in both if number == k) for k in (0, 1)], len(both)
        ([[0, 1, 2], [0, 1, 2]], 8)
    """

    def __init__(
        self, dataset: Sized, length: int, *, seed: int = 0, num_replicas: int | None = None, rank: int | None = None
    ) -> None:
        super().__init__(dataset, seed=seed, num_replicas=num_replicas, rank=rank)
        self.num_samples = length
        self.total_size = length * self.num_replicas

    def _places(self) -> list[tuple[int, int]]:
        size = len(self.dataset)  # type: ignore[arg-type]
        first = self.epoch * self.total_size
        passes = range(first // size, (first + self.total_size - 1) // size + 1)
        order = [(index, number) for number in passes for index in self._order(number, size)]
        start = first - passes.start * size
        return order[start + self.rank : start + self.total_size : self.num_replicas]

    def _order(self, number: int, size: int) -> list[int]:
        return np.random.default_rng([self.seed, number]).permutation(size).tolist()


class SeededDataset(Dataset):
    """A dataset whose random draws depend on (seed, epoch, index) alone.

    An item is asked for by (index, epoch), as `SeededSampler` gives it, or by index alone (epoch 0). While it is made,
    torch's CPU generator is seeded from the three; afterwards it is as it was before. Transforms of torchvision v2 draw
    from that generator; draws from `random` or numpy's global state are not covered.

    Example:
        >>> class Noise(Dataset):
        ...     def __getitem__(self, index):
        ...         return torch.rand(2)
        >>> noise = SeededDataset(Noise(), seed=1)
        >>> noise[0, 3].equal(noise[0, 3]), noise[0, 3].equal(noise[0, 4])
        (True, False)
    """

    def __init__(self, dataset: Dataset, seed: int = 0) -> None:
        self.dataset = dataset
        self.seed = seed

    def __len__(self) -> int:
        return len(self.dataset)  # type: ignore[arg-type]

    def __getitem__(self, index: int | tuple[int, int]) -> Any:
        place, epoch = index if isinstance(index, tuple) else (index, 0)
        with seeded(self.seed, epoch, place):
            return self.dataset[place]


@contextmanager
def seeded(*numbers: int) -> Iterator[None]:
    """Torch's CPU generator seeded from some numbers ≥ 0, put back afterwards. GPU generators are left alone.

    Example:
        >>> with seeded(1, 2):
        ...     first = torch.rand(1)
        >>> with seeded(1, 2):
        ...     bool(first == torch.rand(1))
        True
    """
    state = torch.get_rng_state()
    # torch.manual_seed would also reseed the GPUs, whose state nobody puts back.
    torch.default_generator.manual_seed(mixed_seed(*numbers))
    try:
        yield
    finally:
        torch.set_rng_state(state)
