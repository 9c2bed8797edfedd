"""Networks that end in a softmax or a sigmoid, and binary targets of 0 and 255: said in one's own loop."""

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from hardpix import TrainingStep
from hardpix.networks import tap
from hardpix.networks.probabilities import looks_like
from hardpix.objectives import WeightedCrossEntropy

IMAGE = torch.rand(2, 3, 16, 24, generator=torch.Generator().manual_seed(0))


class Ending(nn.Module):
    def __init__(self, outputs: int, ending: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(8, outputs, 1))
        self.ending = ending

    def forward(self, image: Tensor) -> Tensor:
        return self.ending(self.body(image))


def said(model: nn.Module, steps: int, target: Tensor | None = None, autocast: bool = False) -> list[list[str]]:
    """Warnings of each step."""
    step = TrainingStep(tap(model), WeightedCrossEntropy())
    target = torch.arange(2).repeat(2, 16, 12) if target is None else target
    found = []
    for _ in range(steps):
        with warnings.catch_warnings(record=True) as caught, torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            warnings.simplefilter("always")
            step(IMAGE, target)
        found.append([str(each.message) for each in caught])
    return found


def by_hand(z: Tensor) -> Tensor:
    """A sigmoid that the graph does not show."""
    return 1 / (1 + torch.exp(-z))


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize(
    ("outputs", "ending", "activation", "when"),
    [
        (3, lambda z: z.softmax(1), "softmax", 0),
        (3, lambda z: z.exp() / z.exp().sum(1, keepdim=True), "softmax", 0),
        (2, lambda z: nn.functional.interpolate(z.softmax(1), scale_factor=2, mode="bilinear"), "softmax", 0),
        (1, torch.sigmoid, "sigmoid", 0),
        (3, torch.sigmoid, "sigmoid", 0),
        (1, by_hand, "sigmoid", 7),
        (3, by_hand, "sigmoid", 7),
    ],
)
def test_probabilities_are_said_once(
    outputs: int, ending: Callable[[Tensor], Tensor], activation: str, when: int, autocast: bool
) -> None:
    found = said(Ending(outputs, ending), 9, autocast=autocast)
    assert [len(each) for each in found] == [int(k == when) for k in range(9)]
    assert "expected logits of Ending, found" in found[when][0]
    assert f"Leave the last {activation} out of the network" in found[when][0]


@pytest.mark.parametrize(
    ("outputs", "ending"),
    [
        (1, lambda z: z),
        (3, lambda z: z),
        (3, lambda z: z.log_softmax(1)),
        (3, lambda z: 4 * z.softmax(1)),
        (3, lambda z: z.softmax(1) - 0.5),
        (1, lambda z: 0 * z),
    ],
)
def test_logits_are_not_mistaken(outputs: int, ending: Callable[[Tensor], Tensor]) -> None:
    assert said(Ending(outputs, ending), 9) == [[]] * 9


def test_logits_that_lie_between_0_and_1_by_chance_at_first() -> None:
    """An untrained classifier may give them: one look is no proof."""

    class Moving(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.calls = nn.Conv2d(3, 1, 1), 0
            nn.init.zeros_(self.layer.weight)
            nn.init.constant_(self.layer.bias, 0.3)

        def forward(self, image: Tensor) -> Tensor:
            self.calls += 1
            return self.layer(image) - 0.1 * self.calls

    assert said(Moving(), 9) == [[]] * 9


@pytest.mark.parametrize(
    ("classes", "activation"), [(2, "softmax2d"), (3, "softmax2d"), (1, "sigmoid"), (2, "sigmoid")]
)
def test_activations_of_segmentation_models_pytorch(classes: int, activation: str) -> None:
    model = smp.Unet("tu-test_resnet", encoder_weights=None, classes=classes, activation=activation)
    step = TrainingStep(tap(model), WeightedCrossEntropy())
    with pytest.warns(UserWarning, match=r"activation=None in segmentation-models-pytorch"):
        step(torch.rand(2, 3, 64, 64), torch.arange(2).repeat(2, 64, 32))


def test_targets_of_0_and_255_are_said() -> None:
    target = torch.zeros(2, 16, 24, dtype=torch.long)
    target[:, :4] = 255
    for outputs in (1, 2):
        found = said(Ending(outputs, lambda z: z), 9, target)
        assert [len(each) for each in found] == [0] * 7 + [1, 0]
        assert "no pixel of class 1 in 4 of the first 8 batches, and 25 % of their pixels" in found[7][0]
        assert "(target == 255).long()" in found[7][0]
    target[0, 8, 8] = 1
    assert said(Ending(1, lambda z: z), 9, target) == [[]] * 9
    assert said(Ending(1, lambda z: z), 9, torch.zeros_like(target)) == [[]] * 9
    assert said(Ending(3, lambda z: z), 9, target.clamp(max=2)) == [[]] * 9


def test_the_host_waits_in_four_steps_alone() -> None:
    class Waits(TorchDispatchMode):
        """Counts values that were asked for, beside those of the check of the target."""

        count = 0

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            self.count += "_local_scalar_dense" in str(func)
            return func(*args, **(kwargs or {}))

    step = TrainingStep(tap(Ending(2, lambda z: z)), WeightedCrossEntropy())
    target = torch.arange(2).repeat(2, 16, 12)
    counts = []
    for _ in range(12):
        with Waits() as waits:
            step(IMAGE, target)
        counts.append(waits.count)
    quiet = min(counts)
    assert [k + 1 for k, count in enumerate(counts) if count > quiet] == [1, 2, 4, 8]


def test_values_that_are_not_finite_look_like_nothing() -> None:
    assert looks_like(torch.full((1, 3, 2, 2), float("nan"))) is None
    assert looks_like(torch.tensor([1.0, float("inf"), 0.0]).view(1, 3, 1, 1)) is None
