"""Contrasts with classes against loops, closed forms and a mean over many draws."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hardpix.objectives.contrast.distribution import bank_contrast, centroid_contrast, distribution_contrast, undecided

CLASSES, CHANNELS = 4, 3
KNOWN = torch.ones(CLASSES, dtype=torch.bool)


def vectors(count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    q = F.normalize(torch.randn(count, CHANNELS, generator=generator, dtype=torch.float64), dim=1)
    return q, torch.randint(0, CLASSES, (count,), generator=generator)


def moments(seed: int = 1) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    mean = torch.randn(CLASSES, CHANNELS, generator=generator, dtype=torch.float64) / 2
    return mean, torch.rand(CLASSES, CHANNELS, generator=generator, dtype=torch.float64) / 4


def test_two_classes_by_hand() -> None:
    q, y, mean, both = torch.tensor([[1.0, 0.0]]), torch.tensor([0]), torch.eye(2), torch.tensor([True, True])
    variance = torch.tensor([[0.5, 0.0], [0.2, 0.0]])
    assert centroid_contrast(q, y, mean, both, 1.0).item() == pytest.approx(math.log(1 + math.exp(-1)))
    expected = -1 + math.log(math.exp(1.25) + math.exp(0.1))
    assert distribution_contrast(q, y, mean, variance, both, 1.0).item() == pytest.approx(expected)
    assert expected == pytest.approx(0.525081, abs=1e-6)


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_without_variance_it_is_that_of_centroids_and_with_it_more(temperature: float) -> None:
    q, y = vectors(20)
    mean, variance = moments()
    centroids = centroid_contrast(q, y, mean, KNOWN, temperature)
    none = distribution_contrast(q, y, mean, torch.zeros_like(variance), KNOWN, temperature)
    torch.testing.assert_close(none, centroids)
    assert (distribution_contrast(q, y, mean, variance, KNOWN, temperature) > centroids).all()


def test_it_is_the_contrast_with_many_draws_and_bounds_the_mean_of_single_ones() -> None:
    q, y = vectors(12)
    mean, variance = moments()
    temperature, draws = 0.7, 400_000
    generator = torch.Generator().manual_seed(2)
    noise = torch.randn(draws, CHANNELS, generator=generator, dtype=torch.float64)
    found = distribution_contrast(q, y, mean, variance, KNOWN, temperature)
    for each, own, loss in zip(q, y.tolist(), found, strict=True):
        similarities = [(mean[k] + noise * variance[k].sqrt()) @ each / temperature for k in range(CLASSES)]
        # InfoNCE whose positives and negatives are each averaged within the logarithm.
        joined = torch.stack([similarity.exp().mean() for similarity in similarities]).sum().log()
        assert loss.item() == pytest.approx((joined - similarities[own].mean()).item(), abs=5e-3)
        # The mean of InfoNCE over single positives.
        others = sum(similarities[k].exp().mean() for k in range(CLASSES) if k != own)
        single = (torch.log(similarities[own].exp() + others) - similarities[own]).mean()
        assert single.item() < loss.item()


def bank(seed: int = 3) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    filled = torch.tensor([5, 2, 0, 3])
    entries = torch.randn(CLASSES, 5, CHANNELS, generator=generator, dtype=torch.float64)
    return entries * (torch.arange(5) < filled[:, None])[..., None], filled


def by_loops(q: Tensor, y: int, entries: Tensor, filled: Tensor, temperature: float) -> Tensor:
    means = [
        torch.stack([q @ entries[k, j] / temperature for j in range(int(filled[k]))]).mean().exp()
        for k in range(len(filled))
        if k != y and filled[k] > 0
    ]
    own = [(q @ entries[y, j] / temperature).exp() for j in range(int(filled[y]))]
    return torch.stack([-torch.log(e / (e + sum(means))) for e in own]).mean()


@pytest.mark.parametrize("temperature", [0.3, 1.0])
def test_a_bank_is_that_of_loops_in_the_order_of_the_vectors(temperature: float) -> None:
    entries, filled = bank()
    q, y = vectors(15)
    q, y = q[y != 2].requires_grad_(), y[y != 2]
    assert (y.diff() < 0).any()
    expected = torch.stack(
        [by_loops(each, k, entries, filled, temperature) for each, k in zip(q, y.tolist(), strict=True)]
    )
    found = bank_contrast(q, y, entries, filled, temperature)
    torch.testing.assert_close(found, expected)
    weight = torch.arange(1.0, 1 + len(y), dtype=torch.float64)
    one, two = (torch.autograd.grad((weight * each).sum(), q)[0] for each in (found, expected))
    torch.testing.assert_close(one, two)
    # The first entry of the authors' bank is zeros, and counts until 200 others have come.
    with_zero = bank_contrast(q, y, torch.cat([entries, entries[:, :1] * 0], 1), filled + (filled > 0), temperature)
    assert not torch.allclose(with_zero, expected)


def test_classes_that_nothing_is_known_of_are_no_negatives() -> None:
    q, y = vectors(20)
    mean, variance = moments()
    known = torch.tensor([True, True, False, True])
    q, y = q[y != 2], y[y != 2]
    rest = torch.tensor([0, 1, 3])
    place = torch.tensor([0, 1, -1, 2])[y]
    for found, expected in (
        (centroid_contrast(q, y, mean, known, 0.5), centroid_contrast(q, place, mean[rest], known[rest], 0.5)),
        (
            distribution_contrast(q, y, mean, variance, known, 0.5),
            distribution_contrast(q, place, mean[rest], variance[rest], known[rest], 0.5),
        ),
    ):
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("number", [0, 6])
def test_a_single_known_class_costs_nothing_and_has_finite_gradients(number: int) -> None:
    mean, variance = moments()
    known = torch.tensor([False, True, False, False])
    q = vectors(6)[0][:number].requires_grad_()
    y = torch.ones(number, dtype=torch.long)
    entries, filled = bank()
    for loss in (
        centroid_contrast(q, y, mean, known, 0.1),
        bank_contrast(q, y, entries, filled * known, 0.1),
    ):
        assert loss.shape == (number,)
        assert loss.abs().sum() == 0
        assert not torch.autograd.grad(loss.sum(), q)[0].any()
    loss = distribution_contrast(q, y, mean, variance, known, 0.1)
    # Only the variance of the positives is left.
    torch.testing.assert_close(loss, (q.square() @ variance[1]) / (2 * 0.1**2))


def test_the_regularizer_is_least_where_the_mean_vector_leans_to_no_class() -> None:
    mean = torch.eye(CLASSES, dtype=torch.float64)
    even, peaked = torch.full((CLASSES,), 0.5, dtype=torch.float64), torch.tensor([2.0, 0, 0, 0], dtype=torch.float64)
    assert undecided(even, mean, KNOWN, 1.0).item() == pytest.approx(0, abs=1e-12)
    p = peaked.softmax(0)
    expected = F.kl_div(p.log(), torch.full_like(p, 1 / CLASSES), reduction="sum") / math.log(CLASSES)
    torch.testing.assert_close(undecided(peaked, mean, KNOWN, 1.0), expected)
    # In the authors' code it has the other sign: peaked would be better than even.
    theirs = [(each @ mean.T).log_softmax(0).sum() / (CLASSES * math.log(CLASSES)) for each in (even, peaked)]
    assert theirs[1] < theirs[0]
    assert undecided(peaked, mean, KNOWN, 1.0) > undecided(even, mean, KNOWN, 1.0)


def test_gradcheck() -> None:
    q, y = vectors(5)
    mean, variance = moments()
    entries, filled = bank()
    q.requires_grad_()
    y[y == 2] = 0
    assert torch.autograd.gradcheck(lambda v: distribution_contrast(v, y, mean, variance, KNOWN, 0.5), q)
    assert torch.autograd.gradcheck(lambda v: bank_contrast(v, y, entries, filled, 0.5), q)
    assert torch.autograd.gradcheck(lambda v: undecided(v.mean(0), mean, KNOWN, 0.5), q)
