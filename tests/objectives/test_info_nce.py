"""The streaming loss against a double loop over anchors and keys."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from hardpix.objectives.info_nce import Keys, OneClass, info_nce

TEMPERATURE = 0.3


def unit(count: int, seed: int, channels: int = 5) -> Tensor:
    rows = torch.randn(count, channels, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.nn.functional.normalize(rows, dim=1)


def layout(counts: list[int], memory: list[int], seed: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Anchors and memory of each class, class after class, and their classes."""
    of_anchors = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    of_memory = torch.repeat_interleave(torch.arange(len(memory)), torch.tensor(memory))
    return unit(sum(counts), seed), of_anchors, unit(sum(memory), seed + 1), of_memory


def plans_for(
    anchors: Tensor, of_anchors: Tensor, memory: Tensor, of_memory: Tensor, nearest: int | None, farthest: int | None
) -> tuple[list[OneClass], Keys]:
    """Everything is a key of everything; keys in the order of their classes."""
    rows, classes = torch.cat([anchors.detach(), memory]), torch.cat([of_anchors, of_memory])
    number = torch.cat([torch.arange(len(anchors)), torch.full((len(memory),), -1)])
    classes, order = classes.sort(stable=True)
    rows, number = rows[order], number[order]
    plans = []
    for c in of_anchors.unique().tolist():
        start, stop = (of_anchors == c).nonzero()[[0, -1], 0].tolist()
        own = (classes == c).nonzero().squeeze(1)
        plans.append(
            OneClass(start, stop + 1, Keys(rows[own], number[own]), int(own[0]), int(own[-1]) + 1, nearest, farthest)
        )
    return plans, Keys(rows, number)


def by_loops(
    anchors: Tensor, of_anchors: Tensor, memory: Tensor, of_memory: Tensor, nearest: int | None, farthest: int | None
) -> tuple[Tensor, int]:
    """The formula, anchor by anchor and key by key."""
    keys, classes = torch.cat([anchors, memory]), torch.cat([of_anchors, of_memory])
    total, count = anchors.sum() * 0, 0
    for i, anchor in enumerate(anchors):
        similar = [(float(anchor.detach() @ key.detach()), k) for k, key in enumerate(keys)]
        negatives = sorted((s, k) for s, k in similar if classes[k] != of_anchors[i])
        positives = sorted((s, k) for s, k in similar if classes[k] == of_anchors[i] and k != i)
        if nearest is not None:
            negatives = negatives[-nearest:]
        if farthest is not None:
            positives = positives[:farthest]
        if not negatives or not positives:
            continue
        against = sum(torch.exp(anchor @ keys[k] / TEMPERATURE) for _, k in negatives)
        losses = []
        for _, k in positives:
            exponential = torch.exp(anchor @ keys[k] / TEMPERATURE)
            losses.append(-torch.log(exponential / (exponential + against)))
        total = total + torch.stack(losses).mean()
        count += 1
    return total, count


CASES = {
    "without memory": ([3, 4, 2], [0, 0, 0]),
    "with memory": ([3, 4, 2], [5, 1, 6]),
    "a class of memory alone": ([3, 0, 2], [2, 4, 1]),
    "an anchor without a positive": ([1, 4], [0, 3]),
    "one class only": ([5], [4]),
    "no anchor": ([0, 0], [3, 2]),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("nearest", "farthest"), [(None, None), (2, 1), (3, 2), (100, 100)])
@pytest.mark.parametrize("block", [1, 40, 1 << 21])
def test_value_and_gradient_are_those_of_loops(
    case: str, nearest: int | None, farthest: int | None, block: int
) -> None:
    anchors, of_anchors, memory, of_memory = layout(*CASES[case], seed=3)
    anchors.requires_grad_()
    plans, negatives = plans_for(anchors, of_anchors, memory, of_memory, nearest, farthest)
    total, count = info_nce(anchors, plans, negatives, TEMPERATURE, block=block)
    expected, number = by_loops(anchors, of_anchors, memory, of_memory, nearest, farthest)
    assert int(count) == number
    torch.testing.assert_close(total, expected)
    (found,) = torch.autograd.grad(total * 1.7, anchors)
    (wanted,) = torch.autograd.grad(expected * 1.7, anchors)
    torch.testing.assert_close(found, wanted)


def test_gradcheck() -> None:
    anchors, of_anchors, memory, of_memory = layout([3, 2, 4], [2, 0, 3])

    def loss(anchors: Tensor) -> Tensor:
        plans, negatives = plans_for(anchors, of_anchors, memory, of_memory, None, None)
        return info_nce(anchors, plans, negatives, TEMPERATURE)[0]

    assert torch.autograd.gradcheck(loss, [anchors.requires_grad_()])


@pytest.mark.parametrize("temperature", [0.01, 0.1, 10.0])
def test_extreme_temperatures_stay_finite(temperature: float) -> None:
    anchors, of_anchors, memory, of_memory = layout([3, 4], [50, 50])
    anchors = anchors.float().requires_grad_()
    plans, negatives = plans_for(anchors, of_anchors, memory.float(), of_memory, None, None)
    total, count = info_nce(anchors, plans, negatives, temperature)
    total.backward()
    assert math.isfinite(total.item())
    assert anchors.grad is not None
    assert anchors.grad.isfinite().all()
    assert count == 7


def test_half_types_and_autocast_are_computed_in_float32() -> None:
    anchors, of_anchors, memory, of_memory = layout([30, 40], [50, 50])
    short = anchors.bfloat16()
    values = {}
    for name, rows in (("wide", short.float()), ("short", short)):
        rows = rows.clone().requires_grad_()
        plans, negatives = plans_for(rows, of_anchors, memory.to(rows.dtype), of_memory, 10, 10)
        with torch.autocast("cpu", torch.bfloat16):
            total, _ = info_nce(rows, plans, negatives, TEMPERATURE)
        assert total.dtype == torch.float32
        total.backward()
        assert rows.grad is not None
        assert rows.grad.dtype == rows.dtype
        values[name] = total.item()
    assert values["short"] == pytest.approx(values["wide"], rel=1e-2)


@pytest.mark.parametrize("seed", range(3))
def test_about_as_many_as_asked_for_of_long_rows(seed: int) -> None:
    """The begin of the nearest tenth of thousands of keys is estimated; the loss is all but the same."""
    anchors, of_anchors, memory, of_memory = layout([20, 20], [6000, 9000], seed)
    plans, negatives = plans_for(anchors, of_anchors, memory, of_memory, 900, 600)
    exact, _ = info_nce(anchors, plans, negatives, TEMPERATURE)
    about, count = info_nce(anchors, plans, negatives, TEMPERATURE, exact=False)
    assert count == 40
    assert about != exact
    assert about.item() == pytest.approx(exact.item(), rel=0.02)


@pytest.mark.parametrize("rare", [2, 3, 5, 30])
def test_few_negatives_among_thousands_of_the_own_class_are_all_looked_at(rare: int) -> None:
    anchors, of_anchors, memory, of_memory = layout([20, rare], [9000, 0])
    plans, negatives = plans_for(anchors, of_anchors, memory, of_memory, max(rare // 10, 1), None)
    exact, _ = info_nce(anchors, plans[:1], negatives, TEMPERATURE)
    about, _ = info_nce(anchors, plans[:1], negatives, TEMPERATURE, exact=False)
    assert about.item() == pytest.approx(exact.item())
