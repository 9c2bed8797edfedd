"""Products of signals, against the product and the sum written out."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import hardpix
from hardpix.objectives import WeightedCrossEntropy, with_signal_losses
from hardpix.pixels import PixelBatch
from hardpix.signals import (
    ClassBalance,
    DepthPrivileged,
    Focal,
    HardnessLevel,
    Precomputed,
    Product,
    Signal,
    Uniform,
)

Make = Callable[..., PixelBatch]
MakeHardness = Callable[..., HardnessLevel]


class SecondHardness(HardnessLevel):
    name = "second hardness"


def two_hardness(px: PixelBatch, make: MakeHardness) -> tuple[HardnessLevel, HardnessLevel]:
    generator = torch.Generator().manual_seed(3)
    scores = [torch.randn(px.target.shape, generator=generator, dtype=torch.float64) for _ in range(2)]
    second = SecondHardness(floor=0.5, alpha=0.2, form="published")
    second.branch = make(scores[1], form="published").branch
    return make(scores[0], form="published"), second


def test_map_is_the_product_and_every_factor_learns_by_its_own_loss(
    pixel_batch: Make, hardness_with_scores: MakeHardness
) -> None:
    px = pixel_batch()
    first, second = two_hardness(px, hardness_with_scores)
    balance = ClassBalance([50, 7, 1, 3])
    product = Product([first, balance, second])
    expected = first(px) * balance(px) * second(px)
    torch.testing.assert_close(px.map(product), expected.detach())

    assert product.loss(px) is None
    objective = WeightedCrossEntropy(product)
    losses = with_signal_losses(objective, px)
    own = [signal.loss(pixel_batch()) for signal in (first, second)]
    torch.testing.assert_close(losses["loss"], objective(px)["loss"] + sum(own))
    losses["loss"].backward()
    found = [signal.branch.scores.grad.clone() for signal in (first, second)]
    for signal, gradient in zip((first, second), found, strict=True):
        signal.branch.scores.grad = None
        signal.loss(pixel_batch()).backward()
        torch.testing.assert_close(signal.branch.scores.grad, gradient)


def test_factors_publish_their_own_maps_and_are_computed_once(pixel_batch: Make) -> None:
    calls = []

    class Counted(Uniform):
        name = "counted"

        def forward(self, px: PixelBatch) -> Tensor:
            calls.append(self)
            return super().forward(px)

    px, factor = pixel_batch(), Counted()
    px.map(factor)
    px.map(Product([factor, factor]))
    assert len(calls) == 1
    assert set(px.maps) == {"counted", "product"}


def test_only_differentiable_factors_stay_on_the_graph(pixel_batch: Make, hardness_with_scores: MakeHardness) -> None:
    px = pixel_batch()
    hardness, _ = two_hardness(px, hardness_with_scores)
    found = Product([hardness, Focal(2.0)])(px)
    found.sum().backward()
    assert hardness.branch.scores.grad is None
    assert px.logits.grad is not None
    assert not Product([hardness, ClassBalance([1, 2, 3, 4])])(pixel_batch()).requires_grad


@pytest.mark.parametrize(
    ("factors", "normalizer"),
    [([Focal()], "count"), ([Focal(), Focal(1.0)], "count"), ([Focal(), Uniform()], "count"), ([Uniform()], "weight")],
)
def test_it_counts_pixels_if_a_factor_does(factors: list[Signal], normalizer: str) -> None:
    assert Product(factors).normalizer == normalizer


def test_without_learned_factors_there_is_no_own_loss(pixel_batch: Make) -> None:
    objective = WeightedCrossEntropy(Product([Uniform(), Focal()]))
    assert with_signal_losses(objective, pixel_batch()).keys() == {"loss", "segmentation"}


def test_a_factor_that_is_there_twice_learns_once(pixel_batch: Make, hardness_with_scores: MakeHardness) -> None:
    px = pixel_batch()
    signal, _ = two_hardness(px, hardness_with_scores)
    objective = WeightedCrossEntropy(Product([signal, signal]))
    own = with_signal_losses(objective, px)["loss"] - objective(px)["loss"]
    torch.testing.assert_close(own, signal.loss(pixel_batch()))
    torch.testing.assert_close(px.maps["product"], signal(pixel_batch()).detach() ** 2)


def test_two_factors_of_one_class_are_an_error_that_names_both(pixel_batch: Make) -> None:
    product = Product([ClassBalance([1, 2, 3, 4]), ClassBalance([4, 3, 2, 1])])
    with pytest.raises(ValueError, match="two signals are named 'class_balance', a ClassBalance and a ClassBalance"):
        product(pixel_batch())


def test_it_reads_the_maps_of_its_factors_and_needs_their_labels() -> None:
    product = Product([Precomputed(), Product([DepthPrivileged()])])
    assert product.reads == {"weight", "depth"}
    assert product.needs_target
    assert not Product([Precomputed()]).needs_target


def test_bind_reaches_nested_factors(pixel_batch: Make) -> None:
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 6, 1), torch.nn.Sequential(torch.nn.Conv2d(6, 4, 1)))
    inner = HardnessLevel()
    product = Product([Uniform(), Product([inner])])
    assert product.bind(hardpix.tap(model, decoder="1")) is product
    assert inner.branch is not None


def test_an_empty_product_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one signal, found an empty list"):
        Product([])


def test_class_balance_and_focal_are_the_balanced_focal_loss(pixel_batch: Make) -> None:
    px = pixel_batch()
    balance = ClassBalance(counts=[30, 20, 10, 5, 1][: px.logits.shape[1]])
    found = WeightedCrossEntropy(Product([balance, Focal(gamma=2.0)]))(px)["loss"]
    valid = px.target != px.ignore_index
    probability = px.logits.softmax(1).gather(1, torch.where(valid, px.target, 0).unsqueeze(1)).squeeze(1)
    alpha = balance.weights[torch.where(valid, px.target, 0)]
    expected = (alpha * (1 - probability) ** 2 * -probability.log())[valid].sum() / valid.sum()
    torch.testing.assert_close(found, expected, check_dtype=False)
