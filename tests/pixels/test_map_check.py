"""Maps that are no weights are refused, by their signal's name and the share of pixels."""

from __future__ import annotations

import copy
import pickle
import re

import pytest
import torch
from torch import Tensor

import hardpix
from hardpix.objectives import WeightedCrossEntropy
from hardpix.pixels import MapCheck, PixelBatch
from hardpix.recipes import Recipe, Supervised
from hardpix.signals import Product, Signal, Uniform
from hardpix.testing import tapped


class Given(Signal):
    """A map as it is handed in."""

    name = "given"

    def __init__(self, values: Tensor) -> None:
        super().__init__()
        self.values = values

    def forward(self, px: PixelBatch) -> Tensor:
        return self.values


def batch(pixels: int = 8, device: str = "cpu") -> PixelBatch:
    return PixelBatch(torch.zeros(1, 3, 1, pixels, device=device))


def looked_at(check: MapCheck, values: Tensor, px: PixelBatch | None = None) -> None:
    px = batch(device=str(values.device)) if px is None else px
    signal = Given(values)
    px.map(signal)
    check(px, signal)


FAULTS = {
    "NaN": ({2: float("nan")}, "expected a finite map .* found NaN or infinity in 12.5 % of the pixels"),
    "infinity": ({0: float("inf"), 1: float("inf")}, "expected a finite map .* found NaN or infinity in 25 %"),
    "negative": ({7: -1e-6}, "expected a map ≥ 0 .* found values below 0 in 12.5 % of the pixels"),
    "both": ({0: -1.0, 1: float("-inf")}, "found NaN or infinity in 12.5 % and values below 0 in 25 % of the pixels"),
}


@pytest.mark.parametrize(("changes", "message"), FAULTS.values(), ids=FAULTS)
def test_the_message_has_name_class_and_share(changes: dict[int, float], message: str) -> None:
    values = torch.ones(1, 1, 8)
    for place, value in changes.items():
        values[0, 0, place] = value
    with pytest.raises(ValueError, match=message) as found:
        looked_at(MapCheck(), values)
    assert "the signal 'given' (Given)" in str(found.value)


def test_weights_pass_whatever_their_size() -> None:
    check = MapCheck()
    for values in (torch.zeros(1, 1, 8), torch.full((1, 1, 8), 3e38), torch.rand(1, 1, 8, requires_grad=True)):
        looked_at(check, values)


@pytest.mark.parametrize("logit", [float("nan"), float("inf")])
def test_a_network_that_has_diverged_is_not_the_fault_of_the_signal(logit: float) -> None:
    px = batch()
    px.logits[0, 1, 0, 5] = logit
    looked_at(MapCheck(), torch.full((1, 1, 8), float("nan")), px)


def test_a_copy_and_a_pickle_check_too() -> None:
    check = MapCheck()
    for twin in (copy.deepcopy(check), pickle.loads(pickle.dumps(check))):
        with pytest.raises(ValueError, match="values below 0 in 100 %"):
            looked_at(twin, -torch.ones(1, 1, 8))


class OwnOrder(Recipe):
    """A recipe that adds no losses of signals and keeps nothing of the batch."""

    def __init__(self, objective: WeightedCrossEntropy) -> None:
        super().__init__()
        self.objective = objective

    def forward(self, batches: dict, progress: float) -> dict[str, Tensor]:
        return self.objective(self.pixels(batches["labeled"], progress))


IMAGES = {"image": torch.rand(1, 3, 2, 4), "target": torch.tensor([[[0, 1, 2, 0], [1, 1, 255, 2]]])}
ROADS = {
    "TrainingStep": lambda objective: (
        lambda step: step(**IMAGES),
        hardpix.TrainingStep(tapped(), objective),
    ),
    "Supervised": lambda objective: (
        lambda recipe: recipe({"labeled": IMAGES}, 0.5),
        Supervised(objective).bind(tapped()),
    ),
    "a recipe of one's own": lambda objective: (
        lambda recipe: recipe({"labeled": IMAGES}, 0.5),
        OwnOrder(objective).bind(tapped()),
    ),
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("road", ROADS.values(), ids=ROADS)
@pytest.mark.parametrize("place", [(0, 0, 0), (0, 1, 2)], ids=["labeled", "unlabeled"])
def test_every_step_refuses_such_a_map(road: object, place: tuple[int, int, int], training: bool) -> None:
    """Masked pixels, too: the gradient of a square root at 0 is NaN there, though its weight is 0."""
    values = torch.ones(1, 2, 4)
    call, step = road(WeightedCrossEntropy(Given(values)))  # type: ignore[operator]
    step.train(training)
    assert call(step)["loss"].isfinite()
    values[place] = float("nan")
    with pytest.raises(ValueError, match=re.escape("the signal 'given' (Given), found NaN or infinity in 12.5 %")):
        call(step)


def test_the_factor_of_a_product_is_named_whose_map_it_is() -> None:
    negative = Given(-torch.ones(1, 2, 4))
    step = hardpix.TrainingStep(tapped(), WeightedCrossEntropy(Product([Uniform(), negative])))
    with pytest.raises(ValueError, match="'given'"):
        step(**IMAGES)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_the_check_never_waits_and_no_map_escapes_it(no_waiting_for_the_device: None) -> None:
    check = MapCheck()
    good = torch.ones(1, 1, 8, device="cuda")
    bad = -good

    def feed() -> None:
        for values in (good, bad, good):
            looked_at(check, values)
        torch.cuda.synchronize()
        looked_at(check, good)

    with pytest.raises(ValueError, match="values below 0 in 100 % of the pixels"):
        feed()
