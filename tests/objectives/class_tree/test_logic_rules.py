"""Rules of a tree as fuzzy logic: identities, loops over pixels and clauses, and what faulty forms get wrong."""

import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import hardpix
from hardpix.objectives import LogicRules
from hardpix.objectives.class_tree.asymmetric import asymmetric_loss_map
from hardpix.objectives.class_tree.group_scores import GroupScores
from hardpix.objectives.class_tree.violations import (
    composition,
    decomposition,
    exclusion_sums,
    is_hard,
    mean_of_clauses,
    power_sums,
    rule_violations,
)
from hardpix.pixels import ClassTree, DatasetInfo, PixelBatch, Taps, prepare_all

NAMES = ("car", "bus", "sky", "road")
GROUPS = {"vehicle": ["car", "bus"]}
PARENTS = torch.tensor([0, 0, 1, 2])


def drawn(*size: int, channels: int = 4, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(size[0], channels, *size[1:], generator=generator, dtype=torch.float64)


def one(*scores: float) -> Tensor:
    return torch.tensor(scores, dtype=torch.float64).view(1, -1, 1, 1)


def told(**settings: Any) -> tuple[LogicRules, hardpix.networks.TappedNetwork]:
    torch.manual_seed(0)
    network = hardpix.tap(nn.Sequential(nn.Conv2d(3, 5, 1), nn.Conv2d(5, 4, 1)).double(), embedding="1")
    rules = LogicRules(**settings).bind(network)
    tree = ClassTree.from_groups(GROUPS, NAMES)
    prepare_all(rules.modules(), DatasetInfo(NAMES, lambda: [1] * 4, tree=tree))
    return rules, network


def batch(progress: float | None = 1.0, label: int | None = None) -> PixelBatch:
    generator = torch.Generator().manual_seed(1)
    logits = 2 * torch.randn(2, 4, 3, 5, generator=generator, dtype=torch.float64)
    target = torch.randint(0, 4, (2, 3, 5), generator=generator)
    target[torch.rand(2, 3, 5, generator=generator) < 0.3] = 255
    if label is not None:
        target[:] = label
    embedding = torch.randn(2, 5, 3, 5, generator=generator, dtype=torch.float64)
    return PixelBatch(logits, target, taps=Taps(embedding=embedding), progress=progress)


def test_a_consistent_path_violates_nothing() -> None:
    s, t = one(0, 1, 0, 0), one(1, 0, 0)
    assert composition(s, t, PARENTS).tolist() == torch.zeros_like(s).tolist()
    assert decomposition(s, t, PARENTS).tolist() == torch.zeros_like(t).tolist()
    found = rule_violations([s, t], [PARENTS], torch.ones(1, 1, 1, dtype=torch.float64), 5, joined=False)
    assert [value.item() for value in found.values()] == [0, 0, 0]


def test_a_class_without_its_group_and_a_group_without_its_classes_are_violations_of_degree_one() -> None:
    assert composition(one(1, 0, 0, 0), one(0, 0, 0), PARENTS).flatten().tolist() == [1, 0, 0, 0]
    assert decomposition(one(0, 0, 0, 0), one(1, 0, 0), PARENTS).flatten().tolist() == [1, 0, 0]


def test_two_scores_of_one_half_exclude_each_other_by_a_quarter() -> None:
    assert exclusion_sums(one(0.5, 0.5), torch.ones(1, 1, 1, dtype=torch.float64), 1).tolist() == [0.25]


@pytest.mark.parametrize("power", [1, 2, 3, 5])
@pytest.mark.parametrize("x", [0.3, 1e-3])
def test_a_constant_violation_is_its_own_mean(power: int, x: float) -> None:
    weight = torch.rand(2, 3, 5, dtype=torch.float64)
    sums = power_sums(torch.full((2, 4, 3, 5), x, dtype=torch.float64), weight, power)
    found = mean_of_clauses([torch.cat([sums, weight.sum()[None]])], power)
    assert found.item() == pytest.approx(x, rel=1e-9)
    pairs = exclusion_sums(torch.full((2, 4, 3, 5), x, dtype=torch.float64).sqrt(), weight, power)
    assert len(pairs) == 6
    found = mean_of_clauses([torch.cat([pairs, weight.sum()[None]])], power)
    assert found.item() == pytest.approx(x, rel=1e-9), "a class and itself must be no pair"


def test_power_one_is_the_mean() -> None:
    x, weight = drawn(2, 3, 5), torch.ones(2, 3, 5, dtype=torch.float64)
    found = mean_of_clauses([torch.cat([power_sums(x, weight, 1), weight.sum()[None]])], 1)
    torch.testing.assert_close(found, x.mean())


def test_one_class_in_each_group_and_equal_scores_violate_both_rules_alike() -> None:
    s = drawn(2, 3, 5)
    alone = torch.arange(4)
    torch.testing.assert_close(composition(s, s, alone), s - s.square())
    torch.testing.assert_close(decomposition(s, s, alone), s - s.square())


def test_relabeling_within_a_group_changes_nothing() -> None:
    s, t, weight = drawn(2, 3, 5), drawn(2, 3, 5, channels=3, seed=1), torch.ones(2, 3, 5, dtype=torch.float64)
    turned = rule_violations([s[:, [1, 0, 2, 3]], t], [PARENTS], weight, 5, joined=False)
    torch.testing.assert_close(turned, rule_violations([s, t], [PARENTS], weight, 5, joined=False))


def in_loops(scores: list[Tensor], parents: list[Tensor], weight: Tensor, power: float) -> dict[str, float]:
    """One pixel, one clause after the other."""
    values: dict[str, list[float]] = {"composition": [], "decomposition": [], "exclusion": []}
    places = [(b, y, x) for b in range(weight.shape[0]) for y in range(weight.shape[1]) for x in range(weight.shape[2])]

    def aggregated(violation: Any, counted: Any) -> float:
        terms = [(weight[place].item(), violation(*place)) for place in places if counted(*place)]
        whole = sum(w for w, _ in terms)
        return (sum(w * x**power for w, x in terms) / whole) ** (1 / power) if whole else 0.0

    def always(*_: int) -> bool:
        return True

    for s, t, above in zip(scores[:-1], scores[1:], parents, strict=True):
        for k in range(s.shape[1]):
            values["composition"].append(
                aggregated(
                    lambda b, y, x, k=k, s=s, t=t, a=above: (s[b, k, y, x] * (1 - t[b, a[k], y, x])).item(), always
                )
            )
        for v in range(t.shape[1]):
            inside = [k for k in range(s.shape[1]) if above[k] == v]
            values["decomposition"].append(
                aggregated(
                    lambda b, y, x, v=v, i=inside, s=s, t=t: (
                        t[b, v, y, x] * (1 - max(s[b, k, y, x] for k in i))
                    ).item(),
                    always,
                )
            )
    for s in scores:

        def hard(b: int, y: int, x: int, s: Tensor = s) -> bool:
            values = s[b, :, y, x].tolist()
            sure = [value > 0.7 for value in values]
            return not (sum(sure) == 1 and sum(value < 0.3 for value in values) == len(values) - 1)

        for i, j in itertools.combinations(range(s.shape[1]), 2):
            values["exclusion"].append(
                aggregated(lambda b, y, x, i=i, j=j, s=s: (s[b, i, y, x] * s[b, j, y, x]).item(), hard)
            )
    return {name: sum(entry) / len(entry) for name, entry in values.items()}


@pytest.mark.parametrize("size", [(2, 3, 5), (1, 1, 1), (1, 6, 1)])
@pytest.mark.parametrize("power", [1, 5])
def test_rules_of_three_levels_are_those_of_loops(size: tuple[int, ...], power: float) -> None:
    scores = [drawn(*size), drawn(*size, channels=3, seed=1), drawn(*size, channels=2, seed=2)]
    scores[0][:, :, :1] = scores[0][:, :, :1].mul(0.2)  # some pixels are easy
    scores[0][:, 1, :1] = 0.9
    parents = [PARENTS, torch.tensor([0, 1, 1])]
    weight = torch.rand(*size, dtype=torch.float64)
    found = rule_violations(scores, parents, weight, power, joined=False)
    assert {name: value.item() for name, value in found.items()} == pytest.approx(
        in_loops(scores, parents, weight, power)
    )


@pytest.mark.parametrize("channels", [2, 7, 19])
def test_a_pixel_is_easy_by_the_scores_that_its_level_has(channels: int) -> None:
    scores = torch.full((1, channels, 1, 2), 0.1)
    scores[0, 1, 0, 0] = 0.9
    assert is_hard(scores).tolist() == [[[False, True]]]
    if channels == 7:
        twenty = (scores > 0.7).sum(1).eq(1) & (scores < 0.3).sum(1).eq(20)
        assert not twenty.any(), "with the number of another data set no pixel is ever easy"


def test_where_no_pixel_is_hard_exclusion_is_zero_and_no_gradient_is_nan() -> None:
    s = one(0.9, 0.1, 0.1, 0.1).requires_grad_()
    easy = exclusion_sums(s, 1.0 * is_hard(s), 5)
    assert (easy / is_hard(s).sum()).isnan().all(), "the mean over no pixel"
    found = rule_violations([s, one(0.9, 0.1, 0.1)], [PARENTS], torch.ones(1, 1, 1, dtype=torch.float64), 5, False)
    assert found["exclusion"].item() == 0
    (gradient,) = torch.autograd.grad(sum(found.values()), s)  # type: ignore[arg-type]
    assert gradient.isfinite().all()


def test_the_root_of_a_violation_of_zero_has_a_gradient_where_the_plain_one_has_none() -> None:
    x = torch.zeros(1, 1, 1, 2, dtype=torch.float64, requires_grad=True)
    (plain,) = torch.autograd.grad((x**5).mean() ** (1 / 5), x)
    assert plain.isnan().all()
    weight = torch.ones(1, 1, 2, dtype=torch.float64)
    (gradient,) = torch.autograd.grad(
        mean_of_clauses([torch.cat([power_sums(x, weight, 5), weight.sum()[None]])], 5), x
    )
    assert gradient.tolist() == [[[[0, 0]]]]


@pytest.mark.parametrize(("step", "expected"), [(0, 0), (20_000, 0), (35_000, 0.5), (50_000, 1), (80_000, 1)])
def test_strength_rises_by_the_share_of_the_training(step: int, expected: float) -> None:
    assert LogicRules().strength(step / 80_000) == pytest.approx(expected)


def test_without_a_ramp_no_progress_is_needed_and_with_one_it_is() -> None:
    assert LogicRules(ramp=None).strength(None) == 1
    with pytest.raises(ValueError, match=r"LogicRules needs the share of the training .* or choose ramp=None"):
        told()[0](batch(progress=None))


def test_the_loss_is_the_sum_of_its_parts_and_evaluation_does_not_move_the_ramp() -> None:
    rules, _ = told(weight=0.2)
    for progress, strength in ((0.1, 0.0), (0.4375, 0.5), (1.0, 1.0)):
        for _ in range(3):
            found = rules.eval()(batch(progress))
        violated = found["composition"] + found["decomposition"] + found["exclusion"]
        torch.testing.assert_close(found["loss"], found["classification"] + 0.2 * strength * violated)


def test_classification_is_the_asymmetric_loss_of_classes_and_groups() -> None:
    rules, _ = told()
    px = batch()
    assert rules.head is not None
    groups = rules.head(px.taps.embedding, torch.tensor([[0, 0, 1, 2]]))[0]  # type: ignore[arg-type]
    z = torch.cat([px.logits, groups], 1)
    assert px.target is not None
    terms = []
    for b, y, x in itertools.product(range(2), range(3), range(5)):
        label = px.target[b, y, x].item()
        if label != 255:
            true, loss = {label, 4 + [0, 0, 1, 2][label]}, 0.0
            for k in range(7):
                q = 1 / (1 + math.exp(-z[b, k, y, x].item()))
                other = min(1, 1 - q + 0.05)
                loss -= (1 - q) * math.log(q) if k in true else (1 - other) ** 4 * math.log(other)
            terms.append(loss)
    assert rules(px)["classification"].item() == pytest.approx(sum(terms) / len(terms))


def test_the_asymmetric_loss_stays_finite_where_a_logarithm_of_a_sigmoid_does_not() -> None:
    z = torch.tensor([-200.0, 200.0]).view(1, 2, 1, 1).requires_grad_()
    assert torch.sigmoid(z).log().isinf().any()
    loss = asymmetric_loss_map(z, torch.tensor([True, False]).view(1, 2, 1, 1))
    assert loss.item() == pytest.approx(200 - 0.95**4 * math.log(0.05))
    assert torch.autograd.grad(loss.sum(), z)[0].isfinite().all()


def test_scores_of_groups_learn_as_channels_of_their_own_do() -> None:
    """One step of gradient descent on the scores, against a convolution with a channel for each group."""
    torch.manual_seed(0)
    scores, embedding = GroupScores(5, 4, 1).double(), torch.randn(2, 5, 3, 4, dtype=torch.float64)
    own = nn.Conv2d(5, 3, 1).double()
    sizes = torch.tensor([2.0, 1.0, 1.0], dtype=torch.float64).sqrt()
    with torch.no_grad():
        for mine, theirs in zip(own.parameters(), scores.layer.parameters(), strict=True):
            joined = torch.zeros_like(mine).index_add(0, PARENTS, theirs)
            mine.copy_(joined / sizes.view(-1, *[1] * (mine.ndim - 1)))
    level = PARENTS[None]
    for _ in range(2):
        torch.testing.assert_close(scores(embedding, level)[0], own(embedding))
        for module, found in ((scores, scores(embedding, level)[0]), (own, own(embedding))):
            module.zero_grad()
            found.tanh().square().mean().backward()
            with torch.no_grad():
                for parameter in module.parameters():
                    parameter -= 0.7 * parameter.grad


def test_auxiliary_heads_have_their_cross_entropy() -> None:
    px = batch()
    heads = Taps(embedding=px.taps.embedding, auxiliary=((3 * px.logits, 0.5), (-px.logits, 1.0)))
    found = told(auxiliary_weight=0.3)[0](PixelBatch(px.logits, px.target, taps=heads, progress=0.0))
    assert px.target is not None
    entropies = [nn.functional.cross_entropy(z, px.target, ignore_index=255) for z in (3 * px.logits, -px.logits)]
    torch.testing.assert_close(found["auxiliary"], 0.3 * (0.5 * entropies[0] + entropies[1]))
    torch.testing.assert_close(found["loss"], found["classification"] + found["auxiliary"])


def test_unlabeled_pixels_take_no_part_in_the_rules() -> None:
    rules, _ = told()
    px = batch()
    assert px.target is not None
    expected = rules(px)
    px.logits = torch.where(px.valid[:, None], px.logits, 9 * torch.randn_like(px.logits))
    torch.testing.assert_close(rules(px), expected)
    everywhere = rules(PixelBatch(px.logits, px.target.clamp(max=3), taps=px.taps, progress=1.0))
    assert not torch.allclose(everywhere["composition"], expected["composition"])


def test_a_batch_without_labels_costs_nothing_and_keeps_the_graph() -> None:
    rules, _ = told()
    found = rules(batch(label=255))
    assert {name: value.item() for name, value in found.items()} == dict.fromkeys(found, 0)
    found["loss"].backward()
    assert rules.head is not None
    assert all(p.grad is not None and not p.grad.any() for p in rules.head.parameters())


def test_the_gradient_is_that_of_finite_differences() -> None:
    rules, _ = told(weight=1.0)
    px = batch()

    def loss(logits: Tensor, embedding: Tensor) -> Tensor:
        return rules(PixelBatch(logits, px.target, taps=Taps(embedding=embedding), progress=1.0))["loss"]

    assert px.taps.embedding is not None
    inputs = (px.logits.clone().requires_grad_(), px.taps.embedding.clone().requires_grad_())
    assert torch.autograd.gradcheck(loss, inputs, atol=1e-7, fast_mode=True)


def test_settings_are_refused() -> None:
    for settings in ({"levels": 0}, {"weight": -1.0}, {"power": 0.5}, {"ramp": (0.5, 0.5)}, {"ramp": (0.5, 1.5)}):
        with pytest.raises(ValueError, match="expected"):
            LogicRules(**settings)  # type: ignore[arg-type]
    tree = ClassTree.from_groups(GROUPS, NAMES)
    with pytest.raises(ValueError, match="expected a class tree of 2 levels for LogicRules, found 1: ask for fewer"):
        LogicRules(levels=2).tree.prepare(DatasetInfo(NAMES, lambda: [1] * 4, tree=tree))
    with pytest.raises(RuntimeError, match=r"no scores of groups yet"):
        LogicRules()(batch())
