"""Sums of objectives."""

import re
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from hardpix.objectives import Objective, Sum, WeightedCrossEntropy, with_signal_losses
from hardpix.pixels import PixelBatch
from hardpix.signals import Focal, HardnessLevel, Product, Uniform
from hardpix.testing import tapped

Make = Callable[..., PixelBatch]


class ReadsHardness(Objective):
    """Mean of the map that a sibling has published."""

    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        return {"loss": px.maps["hardness"].detach().mean()}


def test_total_is_the_weighted_sum_and_parts_keep_their_names(pixel_batch: Make) -> None:
    px = pixel_batch()
    plain, focal = WeightedCrossEntropy(), WeightedCrossEntropy(Focal())
    losses = Sum({"plain": plain, "focal": focal}, weights={"focal": 0.25})(px)
    one, other = plain(px)["loss"], focal(px)["loss"]
    assert set(losses) == {"loss", "plain/loss", "plain/segmentation", "focal/loss", "focal/segmentation"}
    torch.testing.assert_close(losses["loss"], one + 0.25 * other)
    assert torch.equal(losses["focal/loss"], other)
    found, wanted = (
        torch.autograd.grad(loss, px.logits, retain_graph=True)[0] for loss in (losses["loss"], one + 0.25 * other)
    )
    torch.testing.assert_close(found, wanted)


def test_later_objectives_read_maps_of_earlier_ones_by_name() -> None:
    network = tapped(4)
    objective = Sum({"learn": WeightedCrossEntropy(HardnessLevel()), "read": ReadsHardness()}).bind(network)
    px = network.pixels(torch.rand(1, 3, 4, 5), torch.zeros(1, 4, 5, dtype=torch.long))
    losses = objective(px)
    torch.testing.assert_close(losses["read/loss"], px.maps["hardness"].detach().mean())
    reversed_order = Sum({"read": ReadsHardness(), "learn": WeightedCrossEntropy(HardnessLevel())}).bind(network)
    with pytest.raises(KeyError, match="hardness"):
        reversed_order(network.pixels(torch.rand(1, 3, 4, 5), torch.zeros(1, 4, 5, dtype=torch.long)))


def test_bind_reaches_every_objective_and_a_shared_signal_is_bound_once() -> None:
    signal = HardnessLevel()
    objective = Sum({"a": WeightedCrossEntropy(signal), "b": Sum({"c": WeightedCrossEntropy(signal)})})
    assert objective.bind(tapped(4)) is objective
    assert signal.branch is not None
    assert len(list(objective.parameters())) == len(list(signal.parameters()))


SHARED: dict[str, Callable[[HardnessLevel], dict[str, Objective]]] = {
    "twice": lambda signal: {"a": WeightedCrossEntropy(signal), "b": WeightedCrossEntropy(signal)},
    "in a sum inside": lambda signal: {
        "a": Sum({"c": WeightedCrossEntropy(signal)}),
        "b": WeightedCrossEntropy(signal),
    },
    "in a product": lambda signal: {"a": WeightedCrossEntropy(signal), "b": WeightedCrossEntropy(Product([signal]))},
    "in a product first": lambda signal: {
        "a": WeightedCrossEntropy(Product([signal, Uniform()])),
        "b": WeightedCrossEntropy(signal),
    },
    "one product twice": lambda signal: {
        name: WeightedCrossEntropy(product) for product in [Product([signal])] for name in "ab"
    },
}


@pytest.mark.parametrize("make", SHARED.values(), ids=SHARED)
@pytest.mark.parametrize("weight", [1.0, 0.5])
def test_a_shared_signal_learns_once_with_weight_one(
    weight: float,
    make: Callable[[HardnessLevel], dict[str, Objective]],
    pixel_batch: Make,
    hardness_with_scores: Callable[..., HardnessLevel],
) -> None:
    px, again = pixel_batch(), pixel_batch()
    generator = torch.Generator().manual_seed(3)
    signal = hardness_with_scores(
        torch.randn(px.target.shape, generator=generator, dtype=torch.float64), alpha=0.5, form="published"
    )
    objective = Sum(make(signal), weights={"a": weight, "b": 3.0})
    losses = with_signal_losses(objective, px)
    found = losses["loss"]
    hardness = signal(again).detach() * again.valid
    segmentation = (hardness * again.loss).sum() / hardness.sum()
    expected = (weight + 3.0) * segmentation + signal.loss(again)
    torch.testing.assert_close(found, expected)
    scores = signal.branch.scores
    torch.testing.assert_close(*(torch.autograd.grad(loss, scores, retain_graph=True)[0] for loss in (found, expected)))
    assert [name for name in losses if "hardness" in name] == ["hardness"]
    # The batch remembers its maps: the same question has the same answer.
    assert with_signal_losses(objective, px)["loss"].item() == found.item()


def test_state_goes_through_a_checkpoint() -> None:
    network = tapped(4)
    one, other = (Sum({"learn": WeightedCrossEntropy(HardnessLevel())}).bind(network) for _ in range(2))
    other.load_state_dict(one.state_dict())
    image, target = torch.rand(1, 3, 4, 5), torch.zeros(1, 4, 5, dtype=torch.long)
    found, expected = (with_signal_losses(each, network.pixels(image, target)) for each in (one, other))
    assert {name: loss.item() for name, loss in found.items()} == {k: v.item() for k, v in expected.items()}


def test_no_objective_and_a_weight_for_nobody_are_errors() -> None:
    with pytest.raises(ValueError, match="at least one objective, found none"):
        Sum({})
    with pytest.raises(ValueError, match=r"weights for \['plane'\], but the objectives are named \['plain'\]"):
        Sum({"plain": WeightedCrossEntropy()}, weights={"plane": 2.0})


@pytest.mark.parametrize("name", ["", "a.b", "keys", "type", "training", "forward", "_modules", 7])
def test_a_name_that_no_module_can_have_is_an_error_that_says_why(name: object) -> None:
    message = f"cannot be named {re.escape(repr(name))}: expected a text, not empty, without dots"
    with pytest.raises(ValueError, match=message):
        Sum({"plain": WeightedCrossEntropy(), name: WeightedCrossEntropy()})  # type: ignore[dict-item]


def test_an_objective_without_forward_says_so(pixel_batch: Make) -> None:
    class Empty(Objective):
        pass

    with pytest.raises(NotImplementedError, match="Empty must compute its losses"):
        Empty()(pixel_batch())
