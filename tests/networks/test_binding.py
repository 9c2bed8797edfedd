"""A bind without `return self` is one message, which names the class, on every road."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import hardpix
from hardpix.networks import TappedNetwork
from hardpix.objectives import Distillation, Objective, PixelContrast, SideOutputs, Sum, WeightedCrossEntropy
from hardpix.recipes import Recipe, Supervised
from hardpix.signals import Product, Uniform
from hardpix.teachers import Teacher
from hardpix.testing import check_recipe, tapped
from hardpix.training.task import SegmentationTask


class Signal(Uniform):
    def bind(self, network: TappedNetwork) -> Any:
        self.classes = network.num_classes


class Cost(Objective):
    def bind(self, network: TappedNetwork) -> Any:
        self.classes = network.num_classes


class Order(Recipe):
    def bind(self, network: TappedNetwork) -> Any:
        super().bind(network)


class Asked(Teacher):
    def bind(self, student: TappedNetwork) -> Any:
        return student


def fit(**given: Any) -> SegmentationTask:
    return SegmentationTask(3, tapped().model, decoder="decoder", stages=["encoder"], **given)


ROADS: dict[str, tuple[str, Callable[[], object]]] = {
    "a step": ("Cost", lambda: hardpix.TrainingStep(tapped(), Cost())),
    "weights": ("Signal", lambda: hardpix.TrainingStep(tapped(), WeightedCrossEntropy(Signal()))),
    "a product": ("Signal", lambda: Product([Signal()]).bind(tapped())),
    "a sum": ("Cost", lambda: Sum({"a": Cost()}).bind(tapped())),
    "side outputs": ("Signal", lambda: SideOutputs(Signal()).bind(tapped())),
    "contrast": ("Signal", lambda: PixelContrast(Signal()).bind(tapped())),
    "distillation": ("Signal", lambda: Distillation(signal=Signal()).bind(tapped())),
    "a recipe's part": ("Cost", lambda: Supervised(Cost()).bind(tapped())),
    "fit": ("Signal", lambda: fit(objective=WeightedCrossEntropy(Signal()))),
    "a recipe": ("Order", lambda: fit(recipe=Order())),
}


@pytest.mark.parametrize(("name", "bind"), ROADS.values(), ids=ROADS)
def test_the_class_is_named(name: str, bind: Callable[[], object]) -> None:
    message = rf"expected {name}.bind\(network\) to return the object itself, found None: end it with `return self`$"
    with pytest.raises(ValueError, match=message):
        bind()


def test_another_object_is_named_too() -> None:
    with pytest.raises(ValueError, match=r"Asked.bind\(network\) to return the object itself, found a TappedNetwork"):
        Supervised(WeightedCrossEntropy(), Asked()).bind(tapped())


def test_the_check_of_recipes_says_it_as_well() -> None:
    with pytest.raises(AssertionError, match=r"^Order, .*Order.bind\(network\) to return the object itself"):
        check_recipe(Order())


@pytest.mark.parametrize(("target", "share"), [([[[0, 1, 255, 1]]], 50), ([[[0, 0, 7, 255]]], 25)])
def test_one_channel_and_several_classes_are_refused(target: list, share: int) -> None:
    message = f"found one channel and ids from .* in {share} % of the pixels. Of a binary network, hardpix.tap"
    with pytest.raises(ValueError, match=message):
        hardpix.PixelBatch(torch.zeros(1, 1, 1, 4), torch.tensor(target))


def test_one_channel_and_one_class_belong_together() -> None:
    px = hardpix.PixelBatch(torch.zeros(1, 1, 1, 3), torch.tensor([[[0, 0, 255]]]))
    assert px.loss.tolist() == [[[0, 0, 0]]]


def test_what_the_message_advises_is_the_binary_loss() -> None:
    logits, target = torch.tensor([[[[-1.0, 2.0]]]]), torch.tensor([[[0, 1]]])
    px = hardpix.PixelBatch(torch.cat([torch.zeros_like(logits), logits], 1), target)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(logits[:, 0], target.float(), reduction="none")
    torch.testing.assert_close(px.loss, expected)
