"""Draws by group, against the rule said in plain Python."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hardpix.objectives.sampling import draw_by_group, sort_by_group_at_random


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def quotas(hard: int, easy: int, per_group: int) -> tuple[int, int]:
    """Half of each; where one is short, the other fills up."""
    half = (per_group + 1) // 2
    if hard >= half and easy >= per_group - half:
        return half, per_group - half
    if hard < half:
        return hard, min(easy, per_group - hard)
    return min(hard, per_group - easy), easy


@given(
    members=st.lists(st.tuples(st.integers(-1, 4), st.booleans()), max_size=60),
    per_group=st.integers(1, 9),
    seed=st.integers(0, 5),
)
def test_every_group_has_its_quota_of_its_own_members(
    members: list[tuple[int, bool]], per_group: int, seed: int
) -> None:
    group = torch.tensor([g for g, _ in members], dtype=torch.long)
    hard = torch.tensor([h for _, h in members], dtype=torch.bool)
    drawn = draw_by_group(group, 4, per_group, seeded(seed), first=hard)
    assert len(set(drawn.tolist())) == len(drawn)
    assert group[drawn].tolist() == sorted(group[drawn].tolist())
    for g in range(4):
        of_group = drawn[group[drawn] == g]
        expected = quotas(int((hard & (group == g)).sum()), int((~hard & (group == g)).sum()), per_group)
        assert (int(hard[of_group].sum()), int((~hard[of_group]).sum())) == expected
    assert not ((group[drawn] < 0) | (group[drawn] > 3)).any()


@given(sizes=st.lists(st.integers(0, 12), min_size=1, max_size=5), per_group=st.integers(1, 9))
def test_without_a_preference_as_many_as_there_are(sizes: list[int], per_group: int) -> None:
    group = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    drawn = draw_by_group(group, len(sizes), per_group, seeded())
    assert torch.bincount(group[drawn], minlength=len(sizes)).tolist() == [min(size, per_group) for size in sizes]


def test_every_member_is_drawn_equally_often() -> None:
    group = torch.tensor([0] * 6 + [1] * 3)
    counts = np.zeros(9)
    for seed in range(3000):
        counts[draw_by_group(group, 2, 2, seeded(seed)).numpy()] += 1
    # 1000 and 2000 expected, standard deviations of 26.
    assert counts[:6] == pytest.approx(np.full(6, 1000), abs=130)
    assert counts[6:] == pytest.approx(np.full(3, 2000), abs=130)


def test_the_seed_decides() -> None:
    group = torch.randint(0, 3, (100,), generator=seeded())
    assert torch.equal(draw_by_group(group, 3, 4, seeded(1)), draw_by_group(group, 3, 4, seeded(1)))
    assert not torch.equal(draw_by_group(group, 3, 4, seeded(1)), draw_by_group(group, 3, 4, seeded(2)))


def test_sorted_by_group_and_at_random_within() -> None:
    group = torch.tensor([2, 0, 2, 1, 0, 2])
    orders = set()
    for seed in range(200):
        order, ordered = sort_by_group_at_random(group, seeded(seed))
        assert ordered.tolist() == [0, 0, 1, 2, 2, 2]
        assert torch.equal(group[order], ordered)
        orders.add(tuple(order.tolist()))
    assert len(orders) == 2 * 6


def test_large_groups_have_their_quota_and_draw_evenly() -> None:
    """Only those with the lowest numbers are sorted, out of thousands."""
    group = torch.arange(2).repeat_interleave(torch.tensor([6000, 4000]))
    hard = torch.arange(10_000) % 3 == 0
    counts = torch.zeros(10_000)
    for seed in range(300):
        drawn = draw_by_group(group, 2, 50, seeded(seed), first=hard)
        assert [int((hard[drawn] & (group[drawn] == g)).sum()) for g in (0, 1)] == [25, 25]
        assert torch.bincount(group[drawn]).tolist() == [50, 50]
        counts[drawn] += 1
    # Positions in ten parts of the hard ones of the first group: 7500 draws, 750 in each, standard deviation 26.
    parts = counts[:6000][hard[:6000]].reshape(10, 200).sum(1)
    assert parts.tolist() == pytest.approx([750] * 10, abs=130)
