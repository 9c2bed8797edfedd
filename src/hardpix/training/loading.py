"""Samples on their way from a data set to the network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Sized
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from hardpix.data import DataError, Sample, SeededSampler, collate


class EvaluationSampler(SeededSampler):
    """Yields (index, whether it counts), in order, one part for each process, all parts of one length.

    Networks that share buffers or weights between processes need the same number of batches in each of them, so that
    some have to repeat an image; the repetition must not count in the scores.

    Example:
        >>> list(EvaluationSampler(range(3), num_replicas=2, rank=1))
        [(1, True), (0, False)]
    """

    def __init__(self, dataset: Sized, *, num_replicas: int | None = None, rank: int | None = None) -> None:
        super().__init__(dataset, shuffle=False, num_replicas=num_replicas, rank=rank)

    def __iter__(self) -> Iterator[tuple[int, bool]]:
        count = len(self.dataset)  # type: ignore[arg-type]
        places = range(self.rank, self.total_size, self.num_replicas)
        return iter([(place % count, place < count) for place in places])


class CountedOnce(Dataset[Sample]):
    """What an :class:`EvaluationSampler` asks for; an image that does not count comes without labels.

    One that is asked for by its index alone, as Lightning's samplers do, counts.
    """

    def __init__(self, samples: Dataset, ignore_index: int) -> None:
        self.samples = samples
        self.ignore_index = ignore_index

    def __len__(self) -> int:
        return len(self.samples)  # type: ignore[arg-type]

    def __getitem__(self, index: int | tuple[int, bool]) -> Sample:
        place, counts = index if isinstance(index, tuple) else (index, True)
        sample = self.samples[place]
        return sample if counts else sample | {"target": torch.full_like(sample["target"], self.ignore_index)}


class ErrorsAsSamples(Dataset):
    """Hands on what is wrong with a file as it is; from another process it would come with that one's traceback."""

    def __init__(self, samples: Dataset) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)  # type: ignore[arg-type]

    def __getitem__(self, index: int) -> Sample | DataError:
        try:
            return self.samples[index]
        except DataError as error:
            return error


def collate_images(samples: Sequence[Sample]) -> dict[str, Any]:
    """Images of any size, padded to a common one and stacked; everything else as lists, at its own size."""
    images = collate([{"image": sample["image"]} for sample in samples])
    return images | {key: [sample[key] for sample in samples] for key in samples[0] if key != "image"}


def count_classes(samples: Dataset, num_classes: int, ignore_index: int) -> list[int]:
    """Number of pixels of each class in a data set."""
    counts = np.zeros(num_classes, dtype=np.int64)
    for index in range(len(samples)):  # type: ignore[arg-type]
        target = np.asarray(samples[index]["target"])
        counts += np.bincount(target[target != ignore_index], minlength=num_classes)
    return counts.tolist()
