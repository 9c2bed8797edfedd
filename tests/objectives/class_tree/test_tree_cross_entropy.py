"""Cross-entropy at the levels of a tree, against loops over pixels and closed forms."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

import hardpix
from hardpix.objectives import Sum, TreeCrossEntropy, WeightedCrossEntropy
from hardpix.pixels import ClassTree, DatasetInfo, PixelBatch, prepare_all
from hardpix.signals import Focal

NAMES = ("car", "bus", "bicycle", "sky", "road")
GROUPS = {"mobile": ["car", {"tall": ["bus", "bicycle"]}], "flat": ["road"]}


def told(objective: hardpix.objectives.Objective, groups: Any = GROUPS, names: Any = NAMES) -> Any:
    tree = ClassTree.from_groups(groups, names)
    prepare_all(objective.modules(), DatasetInfo(names, lambda: [1] * len(names), tree=tree))
    return objective


def drawn(*size: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(size[0], 5, *size[1:], generator=generator, dtype=dtype)
    target = torch.randint(0, 5, size, generator=generator)
    target[torch.rand(size, generator=generator) < 0.3] = 255
    return logits, target


@pytest.mark.parametrize("size", [(2, 3, 5), (1, 1, 1), (1, 7, 1)])
def test_it_is_the_mean_over_levels_and_pixels_of_the_logarithm_of_the_groups_probability(
    size: tuple[int, ...],
) -> None:
    logits, target = drawn(*size)
    found = told(TreeCrossEntropy())(PixelBatch(logits, target))
    p = logits.softmax(1)
    # At level 1 car stands alone: the group that it is in holds a group, and is of height 2.
    levels = [[{0}, {1, 2}, {3}, {4}], [{0, 1, 2}, {3}, {4}]]
    for number, groups in enumerate(levels, 1):
        terms = []
        for b in range(size[0]):
            for y in range(size[1]):
                for x in range(size[2]):
                    label = target[b, y, x].item()
                    if label != 255:
                        group = next(group for group in groups if label in group)
                        terms.append(-math.log(sum(p[b, k, y, x].item() for k in group)))
        expected = sum(terms) / max(len(terms), 1)
        assert found[f"levels/{number}"].item() == pytest.approx(expected, rel=1e-12)
    mean = (found["levels/1"] + found["levels/2"]) / 2
    assert found["loss"].item() == pytest.approx(mean.item(), rel=1e-12)


def test_with_every_class_alone_it_is_cross_entropy() -> None:
    px = PixelBatch(*drawn(2, 3, 4))
    alone = told(TreeCrossEntropy(), {"a": ["car"]})(px)["loss"]
    torch.testing.assert_close(alone, WeightedCrossEntropy()(px)["loss"])


def test_with_all_classes_together_it_is_zero_and_so_is_its_gradient() -> None:
    logits, target = drawn(2, 3, 4)
    px = PixelBatch(logits.requires_grad_(), target)
    loss = told(TreeCrossEntropy(), {"all": list(NAMES)})(px)["loss"]
    assert loss.item() == 0
    (gradient,) = torch.autograd.grad(loss, px.logits)
    assert gradient.abs().max() < 1e-15


def test_a_class_of_the_same_group_costs_nothing() -> None:
    bus, sky = (torch.zeros(1, 5, 1, 1).index_fill(1, torch.tensor([k]), 50.0) for k in (1, 3))
    car = torch.zeros(1, 1, 1, dtype=torch.int64)
    objective = told(TreeCrossEntropy(), {"vehicle": ["car", "bus"]})
    assert objective(PixelBatch(bus, car))["loss"].item() == pytest.approx(0, abs=1e-6)
    # 50 − log 2: the two of the group share what is left.
    assert objective(PixelBatch(sky, car))["loss"].item() == pytest.approx(50 - math.log(2), rel=1e-6)


@pytest.mark.parametrize("surety", [120.0, 1e4])
def test_a_network_that_is_sure_and_wrong_has_a_finite_loss_where_sums_of_probabilities_have_none(
    surety: float,
) -> None:
    logits = torch.zeros(1, 5, 1, 1).index_fill(1, torch.tensor([3]), surety).requires_grad_()
    assert (-logits.softmax(1)[:, :2].sum(1).log()).isinf().all(), "the way of the formula overflows here"
    px = PixelBatch(logits, torch.zeros(1, 1, 1, dtype=torch.int64))
    loss = told(TreeCrossEntropy(), {"vehicle": ["car", "bus"]})(px)["loss"]
    assert loss.item() == pytest.approx(surety - math.log(2), rel=1e-6)
    (gradient,) = torch.autograd.grad(loss, logits)
    # A logarithm of 1e4 has four digits after the point in float32.
    torch.testing.assert_close(gradient.flatten(), torch.tensor([-0.5, -0.5, 0, 1, 0]), rtol=1e-3, atol=0)


def test_relabeling_within_a_group_changes_nothing() -> None:
    logits, target = drawn(2, 4, 3)
    objective = told(TreeCrossEntropy(), {"vehicle": ["car", "bus"], "rest": ["sky", "road"]})
    other = target.clone()
    other[target == 0], other[target == 1] = 1, 0
    torch.testing.assert_close(objective(PixelBatch(logits, other)), objective(PixelBatch(logits, target)))


def test_weights_are_those_of_a_map_that_was_published() -> None:
    logits, target = drawn(2, 3, 4)
    focal = Focal(2.0)
    both = Sum({"a": WeightedCrossEntropy(focal), "b": TreeCrossEntropy("focal")})
    found = told(both)(PixelBatch(logits, target))["b/loss"]
    alone = told(TreeCrossEntropy(Focal(2.0)))(PixelBatch(logits, target))["loss"]
    torch.testing.assert_close(found, alone)
    assert not torch.allclose(found, told(TreeCrossEntropy())(PixelBatch(logits, target))["loss"])


def test_its_gradient_is_that_of_finite_differences() -> None:
    logits, target = drawn(1, 2, 3)
    objective = told(TreeCrossEntropy())
    assert torch.autograd.gradcheck(
        lambda z: objective(PixelBatch(z, target))["loss"], logits.requires_grad_(), atol=1e-7
    )


def test_a_data_set_without_a_tree_is_refused_before_training() -> None:
    with pytest.raises(ValueError, match="expected a class tree for TreeCrossEntropy, found none: write it into"):
        prepare_all(TreeCrossEntropy().modules(), DatasetInfo(NAMES, lambda: [1] * 5))


def test_a_tree_that_nobody_told_and_one_of_other_classes_are_errors() -> None:
    px = PixelBatch(*drawn(1, 2, 2))
    with pytest.raises(RuntimeError, match="expected TreeCrossEntropy to know the class tree"):
        TreeCrossEntropy()(px)
    with pytest.raises(RuntimeError, match="as the tree of TreeCrossEntropy has, 3, found 5"):
        told(TreeCrossEntropy(), {"a": ["x"]}, ("x", "y", "z"))(px)


def test_the_tree_comes_back_with_the_weights() -> None:
    px = PixelBatch(*drawn(1, 2, 2))
    saved, loaded = told(TreeCrossEntropy()), TreeCrossEntropy()
    loaded.load_state_dict(saved.state_dict())
    torch.testing.assert_close(loaded(px), saved(px))
