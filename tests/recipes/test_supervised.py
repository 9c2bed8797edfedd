"""Supervised recipes beside what they are made of."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Self

import pytest
import torch
from torch import Tensor, nn

import hardpix
from hardpix import TrainingStep
from hardpix.labelers import Labeler, PseudoLabels
from hardpix.networks import TappedNetwork
from hardpix.objectives import Objective, WeightedCrossEntropy
from hardpix.pixels import PixelBatch
from hardpix.recipes import Recipe, Supervised
from hardpix.recipes.parts import parts_of
from hardpix.signals import HardnessLevel

CLASSES = 3


def tapped() -> TappedNetwork:
    torch.manual_seed(0)
    head = nn.Sequential(nn.ReLU(), nn.Conv2d(6, CLASSES, 1))
    return hardpix.tap(nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), head), decoder="1")


def batch_of(**more: Any) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(1)
    target = torch.randint(0, CLASSES, (2, 6, 8), generator=generator)
    target[:, 0] = 255
    return {"image": torch.rand(2, 3, 6, 8, generator=generator), "target": target, "stem": ["a", "b"], **more}


class Teacher(nn.Module):
    """Says class 2 everywhere, and counts."""

    def __init__(self) -> None:
        super().__init__()
        self.updates: list[nn.Module] = []
        self.bound: list[nn.Module] = []

    def bind(self, student: TappedNetwork) -> Self:
        self.bound.append(student)
        return self

    def forward(self, batch: Any) -> PixelBatch:
        logits = torch.zeros(len(batch["image"]), CLASSES, *batch["image"].shape[-2:])
        logits[:, 2] = 5
        return PixelBatch(logits, batch.get("target"), sample=batch)

    def update(self, student: nn.Module) -> None:
        self.updates.append(student)


class MostLikely(Labeler):
    """A labeler that takes the most likely class, at half the trust."""

    epochs = 0

    def forward(self, px: PixelBatch) -> PseudoLabels:
        assert not torch.is_grad_enabled()
        return PseudoLabels(px.logits.argmax(1), torch.full(px.shape, 0.5))

    def end_epoch(self) -> None:
        self.epochs += 1


class Keeps(Objective):
    """Cross-entropy, and the batch that it saw."""

    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        self.seen = px
        return {"loss": px.loss.mean()}


def test_without_a_teacher_it_is_the_training_step() -> None:
    network = tapped()
    torch.manual_seed(2)
    step = TrainingStep(network, WeightedCrossEntropy(HardnessLevel()))
    network = tapped()
    torch.manual_seed(2)
    recipe = Supervised(WeightedCrossEntropy(HardnessLevel())).bind(network)
    batch = batch_of()
    expected = step(batch["image"], batch["target"])
    found = recipe({"labeled": batch}, 0.0)
    assert {name: loss.item() for name, loss in found.items()} == {k: v.item() for k, v in expected.items()}


def test_the_objective_gets_everything_of_the_batch_progress_and_the_teacher() -> None:
    objective, teacher = Keeps(), Teacher()
    recipe = Supervised(objective, teacher).bind(tapped())
    batch = batch_of(depth=torch.rand(2, 6, 8), tags=torch.ones(2, CLASSES))
    recipe({"labeled": batch}, 0.25)
    assert objective.seen.progress == 0.25
    assert objective.seen.sample["depth"] is batch["depth"]
    assert objective.seen.sample["tags"] is batch["tags"]
    assert objective.seen.sample["stem"] == ["a", "b"]
    assert objective.seen.teacher is not None
    assert bool((objective.seen.teacher.logits.argmax(1) == 2).all())
    assert teacher.bound == [recipe.network]


@pytest.mark.parametrize("teacher", [None, Teacher()])
def test_a_labeler_makes_the_targets(teacher: Teacher | None) -> None:
    objective = Keeps()
    recipe = Supervised(objective, teacher, MostLikely()).bind(tapped())
    batch = batch_of()
    loss = recipe({"labeled": batch}, 0.0)["loss"]
    asked = recipe.network.pixels(**batch).logits if teacher is None else teacher(batch).logits
    assert objective.seen.target is not None
    assert objective.seen.target.equal(asked.argmax(1))
    assert objective.seen.sample["target_weight"].eq(0.5).all()
    loss.backward()
    assert recipe.network.model[0].weight.grad.abs().sum() > 0


def test_after_a_step_the_teacher_is_updated_and_after_an_epoch_the_labeler_told() -> None:
    teacher, labeler = Teacher(), MostLikely()
    recipe = Supervised(Keeps(), teacher, labeler).bind(tapped())
    recipe.end_step()
    recipe.end_epoch()
    assert teacher.updates == [recipe.network]
    assert labeler.epochs == 1
    Supervised(Keeps()).bind(tapped()).end_step()
    Supervised(Keeps()).bind(tapped()).end_epoch()


def test_labels_of_the_data_are_checked_and_those_of_a_labeler_are_not_taken_for_them() -> None:
    recipe = Supervised(Keeps()).bind(tapped())
    wrong = batch_of()
    wrong["target"][0, 1, 1] = 19
    with pytest.raises(ValueError, match=r"neither a class \(0 to 2\) nor ignore_index \(255\): from 19 to 19"):
        recipe({"labeled": wrong}, 0.0)


def test_probabilities_in_place_of_logits_are_warned_of() -> None:
    network = hardpix.tap(nn.Sequential(nn.Conv2d(3, CLASSES, 1), nn.Softmax(1)), embedding="0")
    with pytest.warns(UserWarning, match="softmax"):
        Supervised(Keeps()).bind(network)({"labeled": batch_of()}, 0.0)


def test_a_network_is_no_part_of_a_recipe() -> None:
    class Pair(Recipe):
        def __init__(self) -> None:
            super().__init__()
            self.objective = Keeps()
            self.inner = nn.ModuleList([nn.Sequential(nn.ReLU())])

    pair = Pair().bind(tapped())
    pair.second = deepcopy(pair.network)
    assert [type(part).__name__ for part in parts_of(pair)] == ["Pair", "Keeps", "ModuleList", "Sequential", "ReLU"]
    assert pair.deployed is pair.network


def test_a_recipe_without_a_forward_says_what_it_lacks() -> None:
    with pytest.raises(NotImplementedError, match=r"Recipe must compute its losses in forward\(batches, progress\)"):
        Recipe()({}, 0.0)
