"""Trust in labels: "target_weight" of the sample multiplies the weights of losses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import hardpix
from hardpix.objectives import SideOutputs, WeightedCrossEntropy
from hardpix.objectives.weighting import weight_map
from hardpix.pixels import PixelBatch
from hardpix.signals import ClassBalance, Focal, HardnessLevel, Precomputed, Signal

Make = Callable[..., PixelBatch]

SIGNALS: dict[str, Callable[[], Signal | None]] = {
    "none": lambda: None,
    "class balance": lambda: ClassBalance([4, 3, 2, 1]),
    "precomputed": lambda: Precomputed(floor=0.2),
    "focal": Focal,
}


def trust(px: PixelBatch) -> Tensor:
    return torch.rand(px.shape, generator=torch.Generator().manual_seed(11), dtype=torch.float64)


def maps(px: PixelBatch) -> dict[str, Tensor]:
    return {"weight": torch.rand(px.shape, generator=torch.Generator().manual_seed(12), dtype=torch.float64)}


@pytest.mark.parametrize("make", SIGNALS.values(), ids=SIGNALS)
def test_loss_and_gradient_are_those_of_weights_times_trust(
    make: Callable[[], Signal | None], pixel_batch: Make
) -> None:
    """Σ t w ℓ / Σ t w, or over the number of labeled pixels for the focal loss."""
    px, signal = pixel_batch(), make()
    px.sample = {**maps(px), "target_weight": trust(px)}
    losses = F.cross_entropy(px.logits, px.target, ignore_index=255, reduction="none")[px.valid]
    weights = {
        "NoneType": lambda: torch.ones_like(losses),
        "ClassBalance": lambda: signal.weights.double()[px.target[px.valid]],
        "Precomputed": lambda: maps(px)["weight"][px.valid] + 0.2,
        "Focal": lambda: (1 - torch.exp(-losses)) ** 2,
    }[type(signal).__name__]() * trust(px)[px.valid]
    divisor = len(losses) if isinstance(signal, Focal) else weights.sum()
    expected = (weights * losses).sum() / divisor
    found = WeightedCrossEntropy(signal)(px)["loss"]
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=0)
    one, other = (torch.autograd.grad(loss, px.logits, retain_graph=True)[0] for loss in (found, expected))
    torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-9)


def test_auxiliary_heads_trust_labels_as_far_as_the_network_does(pixel_batch: Make) -> None:
    px = pixel_batch()
    px.sample = {"target_weight": trust(px)}
    head = torch.randn(px.logits.shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    px.taps = replace(px.taps, auxiliary=((head, 1.0),))
    losses = F.cross_entropy(head, px.target, ignore_index=255, reduction="none")[px.valid]
    weights = trust(px)[px.valid]
    expected = 0.4 * (weights * losses).sum() / weights.sum()
    torch.testing.assert_close(WeightedCrossEntropy()(px)["auxiliary"], expected)


@pytest.mark.parametrize("make", SIGNALS.values(), ids=SIGNALS)
def test_no_trust_at_all_is_a_zero_on_the_graph(make: Callable[[], Signal | None], pixel_batch: Make) -> None:
    px = pixel_batch()
    px.sample = {**maps(px), "target_weight": torch.zeros(px.shape)}
    px.taps = replace(px.taps, auxiliary=((0.3 * px.logits, 1.0),))
    parts = WeightedCrossEntropy(make())(px)
    assert all(value.item() == 0 for value in parts.values())
    (gradient,) = torch.autograd.grad(parts["loss"], px.logits)
    assert (gradient == 0).all()


def test_a_pixel_without_trust_is_as_one_without_a_label() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.Sequential(nn.ReLU(), nn.Conv2d(6, 4, 1)))
    tapped = hardpix.tap(model, decoder="1", stages=["0"])
    image, target = torch.rand(2, 3, 6, 8), torch.randint(0, 4, (2, 6, 8))
    drop = torch.rand(2, 6, 8) < 0.4
    for objective in (WeightedCrossEntropy(HardnessLevel()), SideOutputs(HardnessLevel()), SideOutputs()):
        objective.bind(tapped).eval()
        untrusted = objective(tapped.pixels(image, target, target_weight=(~drop).float()))
        unlabelled = objective(tapped.pixels(image, target.masked_fill(drop, 255)))
        for name, loss in unlabelled.items():
            torch.testing.assert_close(untrusted[name], loss)


def test_the_map_itself_is_untouched(pixel_batch: Make) -> None:
    px, signal = pixel_batch(), Precomputed(floor=0.0)
    px.sample = {**maps(px), "target_weight": trust(px)}
    torch.testing.assert_close(
        weight_map(px, signal).double(), maps(px)["weight"] * trust(px) * px.valid, rtol=1e-6, atol=0
    )
    torch.testing.assert_close(px.map(signal).double(), maps(px)["weight"], rtol=1e-6, atol=0)


@pytest.mark.parametrize("form", ["published", "graded"])
def test_a_pixel_of_twice_the_trust_teaches_learned_hardness_as_two_pixels(
    form: str, hardness_with_scores: Callable[..., HardnessLevel]
) -> None:
    logits = torch.randn(1, 3, 1, 4, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    target, scores = torch.tensor([[[0, 2, 1, 255]]]), torch.tensor([[[0.3, -1.0, 2.0, 5.0]]], dtype=torch.float64)
    twice = torch.tensor([0, 0, 1, 2, 3])
    trust = torch.tensor([[[1.0, 0.5, 0.5, 1.0]]], dtype=torch.float64)

    def loss_and_gradient(px: PixelBatch, given: Tensor) -> tuple[Tensor, Tensor]:
        signal = hardness_with_scores(given, form=form)
        loss = signal.loss(px)
        (gradient,) = torch.autograd.grad(loss, list(signal.parameters()))
        return loss.detach(), gradient.reshape(given.shape)

    trusted = PixelBatch(logits, target, sample={"target_weight": trust})
    loss, gradient = loss_and_gradient(trusted, scores)
    expected, by_pixel = loss_and_gradient(PixelBatch(logits[..., twice], target[..., twice]), scores[..., twice])
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(gradient, torch.zeros_like(gradient).index_add(2, twice, by_pixel))
    assert gradient[0, 0, 3] == 0
