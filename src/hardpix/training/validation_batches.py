"""Batches of images of one size, so that scores do not depend on the batch size.

Padding an image to the size of another one changes what a network with global context says of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Sized
from functools import partial
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from hardpix.data import EvaluationTransform, Sample, SeededSampler, Transformed, collate

Size = tuple[int, int]
# The index of an image, and whether it counts in the scores.
Place = tuple[int, bool]


class EvaluationBatches(SeededSampler):
    """Yields batches as lists of (index, whether it counts), equally many in every process.

    Images of one size share a batch; batches come in the order of their first images. A batch has at most `batch_size`
    images and `max_pixels` pixels, but at least one image. Networks that share buffers or weights between processes
    need the same number of batches in each of them. A process that has fewer repeats an image, which does not count.

    Where sizes are not known, a single process gets batches of neighbors, which `split_by_size` takes apart. Several
    processes get one image at a time, because the number of parts must not differ between them.

    Args:
        dataset: only its length is used.
        sizes: height and width at which the network sees each image; None where they are not known.
        batch_size: most images in a batch.
        max_pixels: most pixels in a batch.
        num_replicas, rank: number of processes and index of this one; by default as torch.distributed says.

    Example:
        >>> sizes = [(4, 4), (2, 2), (4, 4)]
        >>> list(EvaluationBatches(range(3), sizes, batch_size=2, max_pixels=32))
        [[(0, True), (2, True)], [(1, True)]]
        >>> list(EvaluationBatches(range(3), batch_size=2, max_pixels=32, num_replicas=2, rank=1))
        [[(1, True)], [(0, False)]]
    """

    def __init__(
        self,
        dataset: Sized,
        sizes: Sequence[Size] | None = None,
        *,
        batch_size: int,
        max_pixels: int,
        num_replicas: int | None = None,
        rank: int | None = None,
    ) -> None:
        super().__init__(dataset, shuffle=False, num_replicas=num_replicas, rank=rank)
        count = len(dataset)
        if sizes is None:
            length = batch_size if self.num_replicas == 1 else 1
            self.batches: list[Sequence[int]] = [
                range(start, min(start + length, count)) for start in range(0, count, length)
            ]
        else:
            self.batches = _batches(sizes, batch_size, max_pixels, self.num_replicas)

    def __len__(self) -> int:
        return -(-len(self.batches) // self.num_replicas)

    def __iter__(self) -> Iterator[list[Place]]:  # type: ignore[override]
        for number in range(self.rank, len(self) * self.num_replicas, self.num_replicas):
            if number < len(self.batches):
                yield [(index, True) for index in self.batches[number]]
            else:
                yield [(self.batches[number % len(self.batches)][0], False)]


def _batches(sizes: Sequence[Size], batch_size: int, max_pixels: int, processes: int) -> list[Sequence[int]]:
    groups: dict[Size, list[int]] = {}
    for index, size in enumerate(sizes):
        groups.setdefault(size, []).append(index)
    batches: list[Sequence[int]] = []
    for (height, width), group in groups.items():
        # A group that fits into one batch is nevertheless shared out to all processes.
        share = -(-len(group) // processes)
        length = max(1, min(batch_size, max_pixels // (height * width), share))
        batches += [group[start : start + length] for start in range(0, len(group), length)]
    return sorted(batches, key=lambda batch: batch[0])


class BatchesOf(Dataset[list[Sample]]):
    """The samples of a batch that `EvaluationBatches` asks for; those that do not count come without labels.

    A single index, as Lightning's own samplers ask for, is a batch of one image that counts.

    Example:
        >>> samples = BatchesOf([{"target": torch.tensor([[1]])}], ignore_index=255)
        >>> samples[[(0, True), (0, False)]]
        [{'target': tensor([[1]])}, {'target': tensor([[255]])}]
    """

    def __init__(self, samples: Dataset | Sequence[Sample], ignore_index: int) -> None:
        self.samples = samples
        self.ignore_index = ignore_index

    def __len__(self) -> int:
        return len(self.samples)  # type: ignore[arg-type]

    def __getitem__(self, places: int | Sequence[Place]) -> list[Sample]:
        if isinstance(places, int):
            places = [(places, True)]
        found = [(self.samples[index], counts) for index, counts in places]
        return [
            sample if counts else sample | {"target": torch.full_like(sample["target"], self.ignore_index)}
            for sample, counts in found
        ]


def split_by_size(samples: Sequence[Sample], max_pixels: int) -> list[dict[str, Any]]:
    """Batches of images of one size; everything but the images as lists.

    Args:
        samples: dicts with "image" (3, H, W), each of a size of its own.
        max_pixels: most pixels in a batch; one image may have more.

    Example:
        >>> samples = [{"image": torch.zeros(3, 4, width), "stem": str(width)} for width in (4, 8, 4)]
        >>> [(batch["image"].shape, batch["stem"]) for batch in split_by_size(samples, 64)]
        [(torch.Size([2, 3, 4, 4]), ['4', '4']), (torch.Size([1, 3, 4, 8]), ['8'])]
    """
    sizes = [(sample["image"].shape[-2], sample["image"].shape[-1]) for sample in samples]
    batches = _batches(sizes, len(samples), max_pixels, processes=1)
    return [_stacked([samples[index] for index in batch]) for batch in batches]


def _stacked(samples: Sequence[Sample]) -> dict[str, Any]:
    images = collate([{"image": sample["image"]} for sample in samples])
    return images | {key: [sample[key] for sample in samples] for key in samples[0] if key != "image"}


def validation_loader(
    samples: Dataset,
    transform: EvaluationTransform,
    sizes: Sequence[Size] | None,
    *,
    batch_size: int,
    max_pixels: int,
    ignore_index: int,
    **reading: Any,
) -> DataLoader:
    """Batches of images of one size.

    Args:
        samples: of a data set.
        transform: of each sample.
        sizes: height and width of the images; None where they are not known.
        batch_size: most images in a batch.
        max_pixels: most pixels in a batch, as the network sees them.
        ignore_index: the id of unlabeled pixels.
        reading: arguments of a DataLoader that say how files are read.
    """
    seen = None if sizes is None else [transform.seen_size(size) for size in sizes]
    lists = BatchesOf(Transformed(samples, transform), ignore_index)
    # The sampler makes whole batches. As a sampler, and not a batch sampler, Lightning leaves it as it is.
    sampler = EvaluationBatches(lists, seen, batch_size=batch_size, max_pixels=max_pixels)
    collate_fn = partial(split_by_size, max_pixels=max_pixels)
    return DataLoader(lists, batch_size=None, sampler=sampler, collate_fn=collate_fn, **reading)
