"""Agreement of scales by loops and closed forms, and faults of the authors' code."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import hardpix
from hardpix.objectives import MultiScaleAgreement, WeightedCrossEntropy, with_signal_losses
from hardpix.pixels import PixelBatch
from hardpix.signals import HardnessLevel


def drawn(seed: int = 0, classes: int = 3) -> tuple[list[Tensor], Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = [2 * torch.randn(2, classes, 4, 5, generator=generator, dtype=torch.float64) for _ in range(3)]
    target = torch.randint(0, classes, (2, 4, 5), generator=generator)
    target[torch.rand(target.shape, generator=generator) < 0.2] = 255
    return logits, target


def agreement(objective: MultiScaleAgreement, logits: list[Tensor], target: Tensor) -> Tensor:
    w = objective.shares.double().softmax(0)
    return objective._agreement(PixelBatch(logits[1], target), logits, w)


@pytest.mark.parametrize("threshold", [0.0, 0.93, 0.97, 1.0])
def test_divergence_is_that_of_a_loop(threshold: float) -> None:
    logits, target = drawn()
    objective = MultiScaleAgreement(threshold=threshold)
    objective.shares.data = torch.tensor([0.1, -0.4, 0.6])
    w = objective.shares.double().softmax(0)
    total, count, gates = 0.0, 0, []
    for image in range(2):
        places = [(row, column) for row in range(4) for column in range(5) if target[image, row, column] != 255]
        p = [[each[image, :, row, column].softmax(0) for each in logits] for row, column in places]
        q = [sum(share * shares for share, shares in zip(w, views, strict=True)) for views in p]
        gates.append(max(float(each.detach().max()) for each in q) >= threshold)
        for views, mean in zip(p, q, strict=True):
            total += gates[-1] * sum(float((shares * (shares / mean).log()).sum().detach()) for shares in views)
        count += len(places)
    assert float(agreement(objective, logits, target)) == pytest.approx(total / count, abs=1e-12)
    if threshold in (0.0, 1.0):
        assert gates == [threshold == 0.0] * 2


def test_an_image_in_which_nothing_is_sure_adds_nothing() -> None:
    logits, target = drawn()
    # The surest pixel without a label opens no gate.
    target[:, 0, 0] = 255
    for each in logits:
        each *= 0.1
        each[:, 0, 0, 0] = 50
    assert float(agreement(MultiScaleAgreement(), logits, target)) == 0
    assert float(agreement(MultiScaleAgreement(threshold=0.0), logits, target)) > 0


def test_equal_views_agree_and_a_sure_one_is_no_less_than_zero() -> None:
    """With q clamped to 0.001 and not renormalized, as the authors have it, the divergence of these is below 0."""
    p = torch.tensor([0.998, *[0.0005] * 4], dtype=torch.float64)
    logits = [p.log().view(1, 5, 1, 1)] * 3
    found = float(agreement(MultiScaleAgreement(), logits, torch.zeros(1, 1, 1, dtype=torch.long)))
    assert found == pytest.approx(0, abs=1e-12)
    assert float((p * (p / p.clamp(1e-3, 1 - 1e-3)).log()).sum()) < -1e-3


class Constant(nn.Module):
    """A network of one row of logits, whatever it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.decoder = nn.Conv2d(3, 3, 1)
        self.classifier = nn.Conv2d(3, 2, 1)
        nn.init.zeros_(self.classifier.weight)
        with torch.no_grad():
            self.classifier.bias.copy_(torch.tensor([0.0, math.log(3)]))

    def forward(self, image: Tensor) -> Tensor:
        return self.classifier(self.decoder(image))


def test_cross_entropy_is_that_of_plain_logits() -> None:
    """log 4 − log 3 at class 1; a weight of 1/3 inside the softmax, as the authors have it, is another number."""
    network = hardpix.tap(Constant(), decoder="classifier")
    objective = MultiScaleAgreement(divisor=4).bind(network)
    px = network.pixels(torch.rand(1, 3, 8, 8), torch.ones(1, 8, 8, dtype=torch.long))
    losses = objective(px)
    assert float(losses["segmentation"].detach()) == pytest.approx(math.log(4 / 3), rel=1e-6)
    tempered = sum(F.cross_entropy(px.logits / 3, px.labels) for _ in range(3))
    assert abs(float(tempered.detach()) - math.log(4 / 3)) > 0.1
    assert float(losses["agreement"].detach()) == pytest.approx(0, abs=1e-6)


class Sizes(nn.Module):
    """Notes the sizes that it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.decoder = nn.Conv2d(3, 4, 3, padding=1)
        self.classifier = nn.Conv2d(4, 2, 1)
        self.seen: list[tuple[int, ...]] = []

    def forward(self, image: Tensor) -> Tensor:
        self.seen.append(tuple(image.shape[-2:]))
        return self.classifier(self.decoder(image))


def test_the_network_is_run_at_every_scale_and_everything_learns() -> None:
    model = Sizes()
    network = hardpix.tap(model, decoder="decoder")
    objective = MultiScaleAgreement(WeightedCrossEntropy(HardnessLevel()), threshold=0.0).bind(network).bind(network)
    px = network.pixels(torch.rand(2, 3, 64, 128), torch.randint(0, 2, (2, 64, 128)))
    model.seen.clear()
    losses = with_signal_losses(objective, px)
    assert model.seen == [(32, 96), (96, 192)]
    losses["loss"].backward()
    assert objective.shares.grad is not None
    assert objective.shares.grad.abs().sum() > 0
    assert "hardness" in losses
    total = losses["segmentation"] + losses["agreement"] + losses["hardness"]
    assert float(losses["loss"].detach()) == pytest.approx(float(total.detach()))
    weights = {id(parameter) for parameter in model.parameters()}
    assert not [name for name, parameter in objective.named_parameters() if id(parameter) in weights]


def test_settings_that_make_no_sense() -> None:
    for settings in ({"scales": (0.5, 2.0)}, {"scales": (1.0,)}, {"threshold": 2.0}, {"weight": -1.0}, {"divisor": 0}):
        with pytest.raises(ValueError, match="expected"):
            MultiScaleAgreement(**settings)
    sample = {"image": torch.zeros(1, 3, 2, 2)}
    px = PixelBatch(torch.zeros(1, 2, 2, 2), torch.zeros(1, 2, 2, dtype=torch.long), sample=sample)
    with pytest.raises(RuntimeError, match=r"call MultiScaleAgreement.bind\(network\)"):
        MultiScaleAgreement()(px)
