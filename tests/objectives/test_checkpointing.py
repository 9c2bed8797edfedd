"""Gradient checkpointing around a decoder and inside it: the plain network's gradients, or an error."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

import hardpix
from hardpix.objectives import PixelContrast, SideOutputs, Sum, WeightedCrossEntropy
from hardpix.objectives.base import Objective
from hardpix.signals import DepthPrivileged, HardnessLevel, OnlineHard

GENERATOR = torch.Generator().manual_seed(0)
IMAGE = torch.rand(2, 3, 16, 16, generator=GENERATOR)
TARGET = torch.randint(0, 4, (2, 16, 16), generator=GENERATOR)
DEPTH = 1 + torch.rand(2, 16, 16, generator=GENERATOR)


class Run(nn.Module):
    """Its layers, checkpointed or not."""

    def __init__(self, reentrant: bool | None, *layers: nn.Module) -> None:
        super().__init__()
        self.reentrant = reentrant
        self.layers = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        if self.reentrant is None:
            return self.layers(features)
        return checkpoint(self.layers, features, use_reentrant=self.reentrant)


class Decoder(nn.Module):
    """Checkpoints its first layers alone: the classifier, and the dropout before it, run on the graph."""

    def __init__(self, reentrant: bool | None) -> None:
        super().__init__()
        self.first = Run(reentrant, nn.Conv2d(8, 8, 3, padding=1), nn.ReLU())
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.BatchNorm2d(8), nn.Conv2d(8, 4, 1))

    def forward(self, features: Tensor) -> Tensor:
        return self.classifier(self.first(features))


class Around(nn.Module):
    """The decoder as a whole is checkpointed, an auxiliary head with it."""

    def __init__(self, reentrant: bool | None) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU())
        self.decoder = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 4, 1))
        self.auxiliary = nn.Conv2d(8, 4, 1)
        self.reentrant = reentrant

    def forward(self, image: Tensor) -> Tensor:
        features = self.backbone(image)
        if self.reentrant is None:
            return self.heads(features)
        return checkpoint(self.heads, features, use_reentrant=self.reentrant)

    def heads(self, features: Tensor) -> Tensor:
        self.auxiliary(features)
        return self.decoder(features)


class Inside(nn.Module):
    def __init__(self, reentrant: bool | None) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU())
        self.decoder = Decoder(reentrant)

    def forward(self, image: Tensor) -> Tensor:
        return self.decoder(self.backbone(image))


Make = Callable[[], Objective]


def gradients(
    model: nn.Module, make: Make, steps: int = 1, stages: list[str] | None = None, auxiliary: bool = False
) -> dict[str, Tensor | None]:
    network = hardpix.tap(model, decoder="decoder", stages=stages)
    if auxiliary:
        # As the tap does for torchvision's and transformers' networks.
        network._capture.hook_auxiliary(model.auxiliary)  # type: ignore[arg-type]
    torch.manual_seed(1)
    step = hardpix.TrainingStep(network, make())
    torch.manual_seed(2)
    for _ in range(steps):
        losses = step(IMAGE, TARGET, depth=DEPTH, progress=0.5)
        losses["loss"].backward()
    found = {name: parameter.grad for name, parameter in step.named_parameters()}
    return found | {f"buffer {name}": buffer for name, buffer in step.named_buffers() if buffer.is_floating_point()}


def assert_same(found: dict[str, Tensor | None], expected: dict[str, Tensor | None]) -> None:
    assert {name for name, value in found.items() if value is None} == {
        name for name, value in expected.items() if value is None
    }
    for name, value in expected.items():
        if value is not None and not (name.startswith("buffer") and name.split()[1].startswith("network")):
            torch.testing.assert_close(found[name], value, msg=name)


def seeded(kind: type[nn.Module], reentrant: bool | None) -> nn.Module:
    torch.manual_seed(3)
    return kind(reentrant)


NEED_THE_GRAPH: dict[str, tuple[Make, dict[str, Any]]] = {
    "the embedding": (lambda: PixelContrast(anchors=10), {}),
    "stage 'decoder.0'": (lambda: SideOutputs(), {"stages": ["decoder.0"]}),
    "auxiliary": (lambda: WeightedCrossEntropy(), {"auxiliary": True}),
}
WORK: dict[str, Make] = {
    "hardness": lambda: WeightedCrossEntropy(HardnessLevel(form="published")),
    "light hardness": lambda: WeightedCrossEntropy(HardnessLevel(form="published", kind="light")),
    "graded hardness": lambda: WeightedCrossEntropy(HardnessLevel()),
    "light graded hardness": lambda: WeightedCrossEntropy(HardnessLevel(kind="light")),
    "online hard": lambda: WeightedCrossEntropy(OnlineHard()),
    "detached depth": lambda: WeightedCrossEntropy(DepthPrivileged(detach=True)),
    "depth of features": lambda: WeightedCrossEntropy(DepthPrivileged()),
}


@pytest.mark.parametrize("reentrant", [False, True])
@pytest.mark.parametrize("make", WORK.values(), ids=WORK)
def test_around_the_decoder_it_changes_no_gradient(make: Make, reentrant: bool) -> None:
    """Detached features, and those that were on the graph before the decoder ran, are what they are without it."""
    assert_same(gradients(seeded(Around, reentrant), make), gradients(seeded(Around, None), make))


@pytest.mark.parametrize(("make", "places"), NEED_THE_GRAPH.values(), ids=NEED_THE_GRAPH)
def test_what_must_reach_the_network_is_right_or_refused(make: Make, places: dict[str, Any]) -> None:
    expected = gradients(seeded(Around, None), make, **places)
    assert_same(gradients(seeded(Around, False), make, **places), expected)
    with pytest.raises(RuntimeError, match=r"would reach the network: .* choose use_reentrant=False"):
        gradients(seeded(Around, True), make, **places)


def test_a_light_depth_branch_that_teaches_the_network_is_refused() -> None:
    def make() -> Objective:
        return WeightedCrossEntropy(DepthPrivileged(kind="light"))

    assert_same(gradients(seeded(Around, False), make), gradients(seeded(Around, None), make))
    with pytest.raises(RuntimeError, match="no gradient of DepthPrivileged would reach the network"):
        gradients(seeded(Around, True), make)


def test_auxiliary_heads_without_weight_need_no_graph() -> None:
    gradients(seeded(Around, True), lambda: WeightedCrossEntropy(auxiliary_weight=0), auxiliary=True)


@pytest.mark.parametrize("make", WORK.values(), ids=WORK)
@pytest.mark.parametrize("reentrant", [False, True])
def test_a_copied_decoder_that_checkpoints_inside_learns_all_of_its_weights(make: Make, reentrant: bool) -> None:
    expected = gradients(seeded(Inside, None), make, steps=2)
    assert_same(gradients(seeded(Inside, reentrant), make, steps=2), expected)


def test_evaluation_without_gradients_is_no_reason_for_an_error() -> None:
    network = hardpix.tap(seeded(Around, True), decoder="decoder")
    step = hardpix.TrainingStep(network, PixelContrast(anchors=10)).eval()
    with torch.no_grad():
        assert step(IMAGE, TARGET)["loss"].isfinite()


def test_a_frozen_network_is_no_reason_for_an_error() -> None:
    """Nothing is lost where no gradient is wanted."""
    model = seeded(Around, True).requires_grad_(False)
    step = hardpix.TrainingStep(hardpix.tap(model, decoder="decoder"), PixelContrast(anchors=10))
    step(IMAGE, TARGET)["loss"].backward()


def test_cross_entropy_beside_it_does_not_hide_the_error() -> None:
    objective = Sum({"plain": WeightedCrossEntropy(), "contrast": PixelContrast(anchors=10)})
    step = hardpix.TrainingStep(hardpix.tap(seeded(Around, True), decoder="decoder"), objective)
    with pytest.raises(RuntimeError, match="no gradient of PixelContrast would reach the network"):
        step(IMAGE, TARGET)
