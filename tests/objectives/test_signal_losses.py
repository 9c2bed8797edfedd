"""Losses of signals themselves: added once, whatever objectives use their maps."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from hardpix.networks import TappedNetwork
from hardpix.objectives import Objective, PixelContrast, SideOutputs, Sum, WeightedCrossEntropy, with_signal_losses
from hardpix.pixels import PixelBatch
from hardpix.signals import HardnessLevel, Product, Signal, Uniform
from hardpix.testing import make_batch, tapped

CLASSES = 4

PARTNERS: dict[str, Callable[[HardnessLevel], Objective]] = {
    "side outputs": SideOutputs,
    "contrast": lambda signal: PixelContrast(signal, anchors=4),
    "a second cross-entropy": lambda signal: WeightedCrossEntropy(signal, label_smoothing=0.2),
    "a product": lambda signal: WeightedCrossEntropy(Product([Uniform(), signal])),
    "one that does not use it": lambda signal: WeightedCrossEntropy(),
}


def batch(network: TappedNetwork) -> PixelBatch:
    return make_batch(network, (2, 8, 8), num_classes=CLASSES)


@pytest.mark.parametrize("partner", PARTNERS.values(), ids=PARTNERS)
@pytest.mark.parametrize("form", ["published", "graded"])
@pytest.mark.parametrize("first", [True, False], ids=["first", "last"])
@pytest.mark.parametrize("weights", [{}, {"learn": 0.1}, {"partner": 7.0}, {"learn": 0.0, "partner": 0.0}], ids=str)
def test_neither_order_nor_weights_of_a_sum_change_how_a_branch_learns(
    weights: dict[str, float], first: bool, form: str, partner: Callable[[HardnessLevel], Objective]
) -> None:
    network = tapped(CLASSES)
    signal = HardnessLevel(form=form).bind(network)  # type: ignore[arg-type]
    parts: dict[str, Objective] = {"learn": WeightedCrossEntropy(signal), "partner": partner(signal)}
    objective = Sum(parts if first else dict(reversed(parts.items())), weights).bind(network)
    branch = list(signal.parameters())
    losses = with_signal_losses(objective, batch(network))
    alone = signal.loss(batch(network))
    assert torch.equal(losses["hardness"], alone)
    found, expected = (torch.autograd.grad(loss, branch) for loss in (losses["loss"], alone))
    assert any(gradient.any() for gradient in expected)
    assert all(torch.equal(one, two) for one, two in zip(found, expected, strict=True))


def test_the_total_is_that_of_the_objective_and_every_signals_own() -> None:
    network = tapped(CLASSES)
    one, other = HardnessLevel(), type("Other", (HardnessLevel,), {"name": "other"})()
    objective = Sum({"a": WeightedCrossEntropy(one), "b": WeightedCrossEntropy(Product([one, other]))}, {"b": 0.5})
    objective.bind(network)
    losses, plain = (
        with_signal_losses(objective, batch(network)),
        objective(batch(network)),
    )
    own = {
        "hardness": one.loss(batch(network)),
        "other": other.loss(batch(network)),
    }
    assert losses.keys() == plain.keys() | own.keys()
    torch.testing.assert_close(losses["loss"], plain["loss"] + own["hardness"] + own["other"])
    assert all(torch.equal(losses[name], value) for name, value in own.items())
    assert all(torch.equal(losses[name], plain[name]) for name in plain.keys() - {"loss"})


def test_two_signals_of_one_name_are_an_error_that_names_both() -> None:
    class Mine(Signal):
        name = "hardness"

        def forward(self, px: PixelBatch) -> Tensor:
            return px.confidence

    network = tapped(CLASSES)
    for second, kind in ((HardnessLevel(), "HardnessLevel"), (Mine(), "Mine")):
        objective = Sum({"a": WeightedCrossEntropy(HardnessLevel()), "b": WeightedCrossEntropy(second)}).bind(network)
        with pytest.raises(ValueError, match=f"two signals are named 'hardness', a HardnessLevel and a {kind}"):
            with_signal_losses(objective, batch(network))


def test_a_loss_of_a_name_that_is_taken_is_an_error_also_where_no_map_was_asked_for() -> None:
    class Unused(Objective):
        def __init__(self, *signals: HardnessLevel) -> None:
            super().__init__()
            self.signals = nn.ModuleList(signals)

        def forward(self, px: PixelBatch) -> dict[str, Tensor]:
            return {"loss": px.loss.mean(), "hue": px.loss.mean()}

    network = tapped(CLASSES)
    two = Unused(*(HardnessLevel(form="graded").bind(network) for _ in range(2)))
    with pytest.raises(ValueError, match="the loss of a HardnessLevel is named 'hardness', as another part"):
        with_signal_losses(two, batch(network))
    part = Unused(type("Hue", (HardnessLevel,), {"name": "hue"})().bind(network))
    with pytest.raises(ValueError, match="the loss of a Hue is named 'hue', as another part"):
        with_signal_losses(part, batch(network))
