"""Loaders of the streams of a training, one beside the other."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from lightning.pytorch.utilities import CombinedLoader

from hardpix.data import EndlessSampler, MapKind, SeededDataset, SeededSampler, collate
from hardpix.training.resumable import ResumableLoader
from hardpix.training.streams import UNLABELED


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


class StreamLoaders:
    """Batches of the streams that a recipe wants, and the place in each of them.

    Args:
        names: of the streams beside the labeled images.
        stream: samples by the name of their stream.
    """

    def __init__(self, names: Collection[str], stream: Callable[[str], SampleStream]) -> None:
        self.names = names
        self.stream = stream
        self.wanted: tuple[str, ...] = ("labeled",)
        self._loaders: dict[str, ResumableLoader] = {}
        self._places: dict[str, dict[str, int]] = {}

    def want(self, streams: Sequence[str]) -> None:
        """Bring batches of these streams from now on.

        Raises:
            ValueError: there are none of that name.
        """
        for name in streams:
            if name not in ("labeled", *self.names):
                rest = ", or say by --data.labeled_stems or --data.labeled_every which training images are labeled"
                raise ValueError(
                    f"expected images of the stream {name}, which the recipe wants, found none: give their folder as "
                    f"--data.streams '{{{name}: {{images: DIR}}}}'{rest if name == UNLABELED else ''}"
                )
        self.wanted = tuple(streams)

    def first_batches(self) -> dict[str, dict[str, Any]]:
        """A batch of one image of each stream that is wanted."""
        return {name: self.stream(name).first_batch() for name in self.wanted}

    def loader(self, epoch: int, **reading: Any) -> ResumableLoader | CombinedLoader:
        """Batches of the epoch, from the places on that were loaded; of several streams as dicts."""
        self._loaders = loaders_of({name: self.stream(name) for name in self.wanted}, epoch, **reading)
        for name in self._loaders.keys() & self._places.keys():
            self._loaders[name].load_state_dict(self._places[name])
        self._places = {}
        return self._loaders["labeled"] if self.wanted == ("labeled",) else CombinedLoader(self._loaders, "min_size")

    def state_dict(self) -> dict[str, dict[str, int]]:
        """The place of each stream in its epoch."""
        return {name: loader.state_dict() for name, loader in self._loaders.items()}

    def load_state_dict(self, places: dict[str, dict[str, int]]) -> None:
        """Go on from these places when loaders are asked for."""
        self._places = places
