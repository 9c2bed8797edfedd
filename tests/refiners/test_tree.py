"""Refiners by a class tree, against loops over groups and what holds by their formulas."""

import math
from itertools import permutations

import pytest
import torch
from torch import Tensor

from hardpix.pixels import ClassTree, DatasetInfo, prepare_all
from hardpix.refiners import Refiner, TreeMessages, TreePath

NAMES = ("car", "bus", "bicycle", "sky", "road", "path")
GROUPS = {"mobile": [{"wide": ["car", "bus"]}, {"slim": ["bicycle"]}], "flat": ["road", "path"]}
LEVELS = [[0, 0, 1, 2, 3, 3], [0, 0, 0, 1, 2, 2]]


def told(refiner: Refiner) -> Refiner:
    tree = ClassTree.from_groups(GROUPS, NAMES)
    prepare_all(refiner.modules(), DatasetInfo(NAMES, lambda: [1] * 6, tree=tree))
    return refiner


def drawn(*size: int, sharpness: float = 2.0) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(size[0], 6, *size[1:], generator=generator, dtype=torch.float64)
    return (sharpness * logits).softmax(1)


def refined(refiner: Refiner, p: Tensor) -> Tensor:
    return told(refiner)(p, torch.zeros(len(p), 3, *p.shape[2:]))


def pixels(p: Tensor) -> list[list[float]]:
    return p.movedim(1, -1).reshape(-1, p.shape[1]).tolist()


def test_path_is_the_sum_of_the_logarithms_along_the_path() -> None:
    p = drawn(2, 3, 5)
    for before, after in zip(pixels(p), pixels(refined(TreePath(), p)), strict=True):
        scores = []
        for k in range(6):
            votes = [sum(before[j] for j in range(6) if groups[j] == groups[k]) for groups in LEVELS]
            scores.append(math.log(before[k]) + sum(map(math.log, votes)))
        whole = sum(map(math.exp, scores))
        assert after == pytest.approx([math.exp(score) / whole for score in scores])


def test_inside_decides_from_the_top_down() -> None:
    p = drawn(2, 3, 5, sharpness=1.0)
    other = 0
    for before, after in zip(pixels(p), pixels(refined(TreePath("inside"), p)), strict=True):
        left = list(range(6))
        for groups in reversed(LEVELS):
            sums = {g: sum(before[k] for k in left if groups[k] == g) for g in {groups[k] for k in left}}
            best = max(sums, key=lambda group: sums[group])
            left = [k for k in left if groups[k] == best]
        whole = sum(before[k] for k in left)
        assert after == pytest.approx([before[k] / whole if k in left else 0 for k in range(6)])
        other += before.index(max(before)) not in left
    assert other > 0, "no pixel shows a difference from the likeliest class"


def messages_in_loops(before: list[float], rounds: int) -> list[float]:
    """Every update of a round from the old values."""
    sums = [[sum(before[k] for k in range(6) if g[k] == v) for v in range(max(g) + 1)] for g in LEVELS]
    values = [before, *sums]
    above = [LEVELS[0], [LEVELS[1][LEVELS[0].index(v)] for v in range(max(LEVELS[0]) + 1)]]
    for _ in range(rounds):
        old = [list(level) for level in values]
        for h, level in enumerate(old):
            for a in range(len(level)):
                change = -sum(level[a] * level[b] for b in range(len(level)) if b != a) / (len(level) - 1)
                if h > 0:
                    children = [k for k, v in enumerate(above[h - 1]) if v == a]
                    s = old[h - 1]
                    change += sum(s[k] * (1 - s[k] + s[k] * level[a]) for k in children) / len(children)
                if h < 2:
                    t = old[h + 1][above[h][a]]
                    change += t * (1 - t + t * level[a])
                values[h][a] = max(0.0, level[a] + change)
            largest = max(values[h])
            if largest > 1:
                values[h] = [value / largest for value in values[h]]
    return [value / sum(values[0]) for value in values[0]]


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_messages_are_those_of_loops(rounds: int) -> None:
    p = drawn(2, 2, 3)
    for before, after in zip(pixels(p), pixels(refined(TreeMessages(rounds), p)), strict=True):
        assert after == pytest.approx(messages_in_loops(before, rounds))


def test_no_round_changes_nothing() -> None:
    p = drawn(1, 3, 2)
    torch.testing.assert_close(refined(TreeMessages(0), p), p)


@pytest.mark.parametrize("make", [TreeMessages, TreePath, lambda: TreePath("inside")])
def test_what_is_certain_and_what_sums_to_one_stays_so(make: type[Refiner]) -> None:
    certain = torch.eye(6)[:, :, None, None]
    torch.testing.assert_close(refined(make(), certain), certain)
    p = drawn(1, 4, 3)
    torch.testing.assert_close(refined(make(), p).sum(1), torch.ones(1, 4, 3, dtype=torch.float64))
    nothing = torch.zeros(1, 6, 1, 1)
    assert refined(make(), nothing).tolist() == nothing.tolist()


@pytest.mark.parametrize("make", [TreeMessages, TreePath, lambda: TreePath("inside")])
def test_the_order_of_the_classes_of_a_group_does_not_matter(make: type[Refiner]) -> None:
    p = drawn(1, 4, 3)
    for order in permutations((0, 1)):
        turned = [*order, 2, 3, 5, 4]
        torch.testing.assert_close(refined(make(), p[:, turned]), refined(make(), p)[:, turned])


def test_gradients_are_those_of_finite_differences() -> None:
    p = drawn(1, 1, 2).requires_grad_()
    for refiner in (TreeMessages(1), TreePath(), TreePath("inside")):
        assert torch.autograd.gradcheck(lambda p, r=refiner: refined(r, p), p, atol=1e-6)


def test_settings_and_data_without_a_tree_are_refused() -> None:
    with pytest.raises(ValueError, match="expected mode 'path' or 'inside', found 'up'"):
        TreePath("up")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="expected rounds ≥ 0, found -1"):
        TreeMessages(-1)
    for refiner in (TreePath(), TreeMessages()):
        with pytest.raises(ValueError, match=f"expected a class tree for {type(refiner).__name__}, found none"):
            prepare_all(refiner.modules(), DatasetInfo(NAMES, lambda: [1] * 6))
