"""The same draws for the same seed, whatever the number of workers and processes."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader, Dataset, DistributedSampler
from torchvision import tv_tensors

from hardpix.data import SeededDataset, SeededSampler, TrainingTransform, collate
from hardpix.data.sampling import seeded


class Noise(Dataset):
    """Ten images that pass the whole training transform."""

    transform = TrainingTransform(12)

    def __len__(self) -> int:
        return 10

    def __getitem__(self, index: int) -> dict[str, Any]:
        generator = torch.Generator().manual_seed(index)
        image = torch.randint(0, 256, (3, 20, 30), generator=generator, dtype=torch.uint8)
        target = torch.randint(0, 4, (20, 30), generator=generator)
        return self.transform({"image": tv_tensors.Image(image), "target": tv_tensors.Mask(target), "stem": str(index)})


def epochs(workers: int, seed: int = 0, count: int = 2, shuffle: bool = True) -> list[list[dict[str, Any]]]:
    """All batches of some epochs, as a training loop sees them."""
    data = Noise()
    sampler = SeededSampler(data, seed=seed, shuffle=shuffle)
    loader = DataLoader(
        SeededDataset(data, seed),
        batch_size=4,
        sampler=sampler,
        num_workers=workers,
        collate_fn=collate,
        persistent_workers=workers > 0,
    )
    seen = []
    for epoch in range(count):
        sampler.set_epoch(epoch)
        seen.append(list(loader))
    return seen


def same(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> bool:
    return len(one) == len(other) and all(
        a["stem"] == b["stem"] and a["image"].equal(b["image"]) and a["target"].equal(b["target"])
        for a, b in zip(one, other, strict=True)
    )


def test_batches_are_bit_equal_whatever_the_number_of_workers() -> None:
    torch.manual_seed(1)
    alone = epochs(0)
    torch.manual_seed(2)
    for workers in (1, 2):
        for ours, theirs in zip(epochs(workers), alone, strict=True):
            assert same(ours, theirs)


def test_epochs_and_seeds_differ() -> None:
    first, second = epochs(0, shuffle=False)
    assert [b["stem"] for b in first] == [b["stem"] for b in second]
    assert not any(a["image"].equal(b["image"]) for a, b in zip(first, second, strict=True))
    (other,) = epochs(0, seed=1, count=1, shuffle=False)
    assert not any(a["image"].equal(b["image"]) for a, b in zip(first, other, strict=True))


def test_an_epoch_can_be_repeated_without_those_before() -> None:
    """As a resumed run does."""
    data = Noise()
    sampler = SeededSampler(data)
    sampler.set_epoch(1)
    again = list(DataLoader(SeededDataset(data), batch_size=4, sampler=sampler, collate_fn=collate))
    assert same(again, epochs(0)[1])


def test_the_order_does_not_change_what_an_item_is() -> None:
    data = SeededDataset(Noise(), seed=3)
    forwards = [data[index, 5]["image"] for index in range(10)]
    backwards = [data[index, 5]["image"] for index in reversed(range(10))][::-1]
    assert all(a.equal(b) for a, b in zip(forwards, backwards, strict=True))
    assert data[4]["image"].equal(data[4, 0]["image"])


def test_the_global_generator_is_left_as_it_was() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    SeededDataset(Noise())[2, 1]
    assert torch.rand(3).equal(expected)
    torch.manual_seed(0)
    with pytest.raises(RuntimeError, match="size of tensor"), seeded(1):
        torch.rand(2) + torch.rand(3)
    assert torch.rand(3).equal(expected)


@given(st.integers(1, 40), st.integers(1, 7), st.booleans(), st.integers(0, 5))
def test_processes_share_out_the_data(length: int, processes: int, shuffle: bool, epoch: int) -> None:
    parts = []
    for rank in range(processes):
        sampler = SeededSampler(range(length), shuffle=shuffle, num_replicas=processes, rank=rank)
        sampler.set_epoch(epoch)
        pairs = list(sampler)
        assert len(pairs) == len(sampler)
        assert all(e == epoch for _, e in pairs)
        parts.append([index for index, _ in pairs])
    assert len({len(part) for part in parts}) == 1
    assert {index for part in parts for index in part} == set(range(length))
    assert sum(map(len, parts)) < length + processes


def test_epochs_and_seeds_have_their_own_order() -> None:
    def order(seed: int, epoch: int) -> tuple[int, ...]:
        sampler = SeededSampler(range(20), seed=seed)
        sampler.set_epoch(epoch)
        return tuple(index for index, _ in sampler)

    orders = [order(seed, epoch) for seed in range(3) for epoch in range(3)]
    assert len(set(orders)) == 9
    assert order(2, 1) == orders[7]


def test_without_shuffling_it_is_the_distributed_sampler() -> None:
    for rank in range(3):
        ours = SeededSampler(range(10), shuffle=False, num_replicas=3, rank=rank)
        theirs = DistributedSampler(range(10), 3, rank, shuffle=False)  # type: ignore[arg-type]
        assert isinstance(ours, DistributedSampler), "else Lightning puts its own in its place"
        assert [index for index, _ in ours] == list(theirs)
