"""Several teachers at once."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

import hardpix
from hardpix.labelers import ConfidenceThreshold
from hardpix.objectives import ImageDistillation, LabelDistillation, RegionDistillation, Sum, WeightedCrossEntropy
from hardpix.pixels import DatasetInfo, prepare_all
from hardpix.recipes import SelfTraining, Supervised
from hardpix.recipes.parts import parts_of
from hardpix.teachers import Ensemble, Frozen, MovingAverage
from hardpix.testing import check_recipe


def make_network(seed: int, channels: int = 4, classes: int = 3) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, channels, 3, padding=1),
        nn.BatchNorm2d(channels),
        nn.Dropout(0.5),
        nn.Sequential(nn.ReLU(), nn.Conv2d(channels, classes, 1)),
    )


def two() -> Ensemble:
    wide, deep = (hardpix.tap(make_network(*sizes), decoder="3") for sizes in ((0, 9), (1, 5)))
    return Ensemble({"wide": Frozen(wide), "deep": Frozen(deep)})


def objective() -> Sum:
    return Sum(
        {
            "pixel": LabelDistillation(),
            "region": RegionDistillation(member="wide"),
            "image": ImageDistillation(member="deep"),
        },
        {"region": 100.0, "image": 0.001},
    )


def test_its_probabilities_are_the_mean_and_its_members_say_what_they_say_alone() -> None:
    teacher = two()
    batch = {"image": torch.rand(2, 3, 6, 7), "target": torch.randint(0, 3, (2, 6, 7)), "stem": ["a", "b"]}
    px = teacher(batch)
    alone = {name: member(batch).logits for name, member in teacher.named()}
    for name, logits in alone.items():
        torch.testing.assert_close(px.members[name].logits, logits, rtol=0, atol=0)
    expected = torch.stack([logits.softmax(1) for logits in alone.values()]).mean(0)
    torch.testing.assert_close(px.logits.softmax(1), expected)
    assert px.logits.dtype == torch.float32
    assert not px.logits.requires_grad
    assert px.target is batch["target"]
    assert px.sample["stem"] == ["a", "b"]


def test_frozen_members_stay_as_they_are_in_training() -> None:
    recipe = Supervised(objective(), teacher=two()).bind(hardpix.tap(make_network(2), decoder="3")).train()
    before = {name: copy.deepcopy(member.network.state_dict()) for name, member in recipe.teacher.named()}
    batch = {"image": torch.rand(2, 3, 6, 7), "target": torch.randint(0, 3, (2, 6, 7))}
    recipe({"labeled": batch}, 0.5)["loss"].backward()
    recipe.end_step()
    for name, member in recipe.teacher.named():
        # In MGD's code they are in training mode, and their statistics of batch norm drift.
        for key, value in member.network.state_dict().items():
            assert torch.equal(value, before[name][key]), key
    assert all(".teacher" not in name for name in recipe.state_dict())
    assert all(parameter.grad is not None for parameter in recipe.network.parameters())


def test_members_that_follow_are_updated() -> None:
    student = hardpix.tap(make_network(2), decoder="3")
    teacher = Ensemble({"average": MovingAverage(), "large": Frozen(make_network(0))}).bind(student)
    teacher.update(student)
    assert teacher.teachers["average"].updates == 1


@pytest.mark.parametrize(
    "recipe",
    [
        Supervised(Sum({"learn": WeightedCrossEntropy(), "taught": objective()}), teacher=two()),
        SelfTraining(WeightedCrossEntropy(), two(), ConfidenceThreshold(0.0), unlabeled=objective()),
    ],
    ids=["supervised", "self-training"],
)
def test_recipes_with_it(recipe: Supervised | SelfTraining) -> None:
    check_recipe(recipe)


def test_a_teacher_whose_embedding_is_not_known() -> None:
    recipe = Supervised(RegionDistillation(), teacher=Frozen(make_network(0)))
    recipe.bind(hardpix.tap(make_network(2), decoder="3"))
    batch = {"image": torch.rand(2, 3, 6, 7), "target": torch.randint(0, 3, (2, 6, 7))}
    with pytest.raises(ValueError, match="enters the teacher's last classifier, and none was caught"):
        recipe({"labeled": batch}, 0.5)


def test_teachers_that_are_none() -> None:
    with pytest.raises(ValueError, match="at least one teacher"):
        Ensemble({})
    with pytest.raises(ValueError, match="cannot be named 'keys'"):
        Ensemble({"keys": Frozen(make_network(0))})
    other = Ensemble({"wide": Frozen(make_network(0)), "deep": Frozen(make_network(1, classes=4))})
    with pytest.raises(ValueError, match="of one number of classes, 3 as 'wide', found 4 of 'deep'"):
        other({"image": torch.rand(1, 3, 4, 4)})


def test_the_classes_of_each_member_are_held_against_the_data() -> None:
    teacher = Ensemble({"wide": Frozen(make_network(0), ("road", "car", "sky"))})
    with pytest.raises(ValueError, match="expected a teacher of the student's"):
        prepare_all(parts_of(teacher), DatasetInfo(("road", "sky", "car"), lambda: [1, 1, 1]))
