"""Frozen teachers: never trained, never saved, never in training mode."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

import hardpix
from hardpix.pixels import DatasetInfo
from hardpix.teachers import Frozen


def make_network(stride: int = 1, classes: int = 2) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=stride, padding=1), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.Conv2d(4, classes, 1)
    )


class Student(nn.Module):
    """Holder of a network and its teacher, as a recipe is."""

    def __init__(self, network: nn.Module, teacher: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.teacher = teacher


def test_no_optimizer_checkpoint_or_mode_reaches_it() -> None:
    network = make_network()
    teacher = Frozen(network)
    holder = Student(make_network(), teacher).train()
    assert len(list(holder.parameters())) == len(list(make_network().parameters()))
    assert all(name.startswith("network.") for name in holder.state_dict())
    assert teacher.training
    assert not any(module.training for module in teacher.network.modules())
    network.train()  # by its owner
    before = copy.deepcopy(network.state_dict())
    image = torch.rand(2, 3, 6, 7)
    px = teacher({"image": image})
    torch.testing.assert_close(px.logits, teacher({"image": image}).logits, rtol=0, atol=0)
    assert not px.logits.requires_grad
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_it_follows_to_types_and_devices() -> None:
    teacher = Frozen(make_network())
    holder = Student(make_network(), teacher).double()
    assert {parameter.dtype for parameter in teacher.network.parameters()} == {torch.float64}
    assert teacher({"image": torch.rand(1, 3, 4, 4, dtype=torch.float64)}).logits.dtype == torch.float64
    holder.to("meta")
    assert {parameter.device.type for parameter in teacher.network.parameters()} == {"meta"}


def test_logits_of_any_stride_come_at_the_resolution_of_the_labels() -> None:
    teacher = Frozen(make_network(stride=2)).bind(hardpix.tap(make_network()))
    image = torch.rand(1, 3, 16, 24)
    assert teacher({"image": image}).logits.shape == (1, 2, 16, 24)
    px = teacher({"image": image, "target": torch.zeros(1, 8, 12, dtype=torch.long), "stem": ["a"]})
    assert px.logits.shape == (1, 2, 8, 12)
    assert px.sample["stem"] == ["a"]


def test_unlabeled_pixels_are_those_of_the_student() -> None:
    teacher = Frozen(make_network()).bind(hardpix.tap(make_network(), ignore_index=-1))
    px = teacher({"image": torch.rand(1, 3, 1, 2), "target": torch.tensor([[[-1, 0]]])})
    assert px.ignore_index == -1
    assert px.valid.tolist() == [[[False, True]]]


def test_the_student_is_no_teacher_of_itself() -> None:
    network = make_network()
    with pytest.raises(ValueError, match=r"weights of its own.*copy.deepcopy"):
        Frozen(network).bind(hardpix.tap(network))
    with pytest.raises(ValueError, match="weights of its own"):
        Frozen(network[0]).bind(hardpix.tap(network))
    assert all(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("road", "car"), "found one of 2 classes, which differ first at 1: 'car', where the student has 'pole'"),
        (("pole", "road"), "differ first at 0: 'pole'"),
        (("road",), "found one of 1 classes, which differ first at 1: none"),
        (("road", "pole", "sky"), "differ first at 2: 'sky', where the student has none"),
    ],
)
def test_other_classes_are_refused(names: tuple[str, ...], message: str) -> None:
    info = DatasetInfo(("road", "pole"), lambda: [1, 1])
    with pytest.raises(ValueError, match=message):
        Frozen(make_network(), names).prepare(info)
    Frozen(make_network(), info.class_names).prepare(info)
    Frozen(make_network()).prepare(info)


def test_a_copy_is_frozen_too() -> None:
    teacher = Frozen(make_network())
    other = copy.deepcopy(teacher)
    with torch.no_grad():
        other.network.model[3].weight.zero_()
    assert teacher.network.model[3].weight.abs().sum() > 0
    image = {"image": torch.rand(1, 3, 4, 4)}
    assert not torch.equal(teacher(image).logits, other(image).logits)


def test_compiled_it_says_the_same() -> None:
    teacher = Frozen(make_network())
    image = {"image": torch.rand(1, 3, 4, 4)}
    torch.testing.assert_close(torch.compile(teacher, backend="eager")(image).logits, teacher(image).logits)
