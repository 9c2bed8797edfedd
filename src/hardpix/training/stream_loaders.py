"""Loaders of the streams of a training, one beside the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from hardpix.data import EndlessSampler, MapKind, SeededDataset, SeededSampler, collate
from hardpix.training.resumable import ResumableLoader


@dataclass(frozen=True)
class SampleStream:
    """Samples of one stream, and how they are batched."""

    samples: SeededDataset
    batch_size: int
    ignore_index: int
    map_kinds: Mapping[str, MapKind]

    def first_batch(self) -> dict[str, Any]:
        """A batch of one sample."""
        return self._collate([self.samples[0]])

    def loader(self, batches: int | None, epoch: int, **reading: Any) -> ResumableLoader:
        """Batches of the epoch.

        Args:
            batches: of an epoch, which goes on where the one before ended; None makes it one pass over the samples.
            epoch: the first to come. Lightning tells it too, but when workers of a resumed run have read ahead already.
            reading: arguments of a DataLoader that say how files are read.
        """
        seed = self.samples.seed
        if batches is None:
            sampler = SeededSampler(self.samples, seed=seed)
        else:
            sampler = EndlessSampler(self.samples, batches * self.batch_size, seed=seed)
        sampler.set_epoch(epoch)
        return ResumableLoader(
            self.samples,
            batch_size=self.batch_size,
            sampler=sampler,
            # A last batch of one image has no batch statistics; a set smaller than a batch is used all the same.
            drop_last=len(sampler) >= self.batch_size,
            collate_fn=self._collate,
            **reading,
        )

    @property
    def _collate(self) -> partial[dict[str, Any]]:
        return partial(collate, ignore_index=self.ignore_index, map_kinds=self.map_kinds)


def loaders_of(streams: Mapping[str, SampleStream], epoch: int, **reading: Any) -> dict[str, ResumableLoader]:
    """A loader a stream, with as many batches as one pass over the labeled images has, or over the first stream."""
    first = "labeled" if "labeled" in streams else next(iter(streams))
    passes = streams[first].loader(None, epoch, **reading)
    return {
        name: passes if name == first else stream.loader(len(passes), epoch, **reading)
        for name, stream in streams.items()
    }
