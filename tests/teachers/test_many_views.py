"""A teacher that looks at several sizes of an image, and at its mirror images."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import hardpix
from hardpix.labelers import ConfidenceThreshold, EarlyLearning, TrustedBy
from hardpix.objectives import WeightedCrossEntropy
from hardpix.recipes import Supervised
from hardpix.signals import HardnessLevel
from hardpix.teachers import Ensemble, Frozen, ManyViews, MovingAverage
from hardpix.testing import check_recipe


def make_network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Sequential(nn.ReLU(), nn.Conv2d(4, 3, 1)))


def test_it_says_the_mean_of_what_each_view_says() -> None:
    model = make_network()
    image, target = torch.rand(2, 3, 8, 16), torch.randint(0, 3, (2, 16, 32))
    px = ManyViews(Frozen(model), scales=(1.0, 2.0), flip=True, divisor=4)({"image": image, "target": target})
    shares = []
    for scale in (1, 2):
        seen = image if scale == 1 else F.interpolate(image, scale_factor=2, mode="bilinear")
        for mirrored in (False, True):
            with torch.no_grad():
                logits = model(seen.flip(3)).flip(3) if mirrored else model(seen)
            # Brought back to the image, and from there to the labels, which are twice as large.
            if not (scale == 1 and not mirrored):
                logits = F.interpolate(logits, (8, 16), mode="bilinear") if scale > 1 else logits
            shares.append(F.interpolate(logits, (16, 32), mode="bilinear").softmax(1))
    # The plain view comes from the teacher at the labels' size and is resized to the image's and back.
    plain = F.interpolate(F.interpolate(model(image), (16, 32), mode="bilinear"), (8, 16), mode="bilinear")
    shares[0] = F.interpolate(plain, (16, 32), mode="bilinear").softmax(1).detach()
    torch.testing.assert_close(px.logits.softmax(1), torch.stack(shares).mean(0))
    assert px.target is target
    assert not px.logits.requires_grad


def test_one_view_is_the_teacher_itself() -> None:
    teacher = Frozen(make_network())
    batch = {"image": torch.rand(1, 3, 8, 8), "target": torch.zeros(1, 8, 8, dtype=torch.long)}
    one = ManyViews(teacher, scales=(1.0,), flip=False)(batch)
    torch.testing.assert_close(one.logits.softmax(1), teacher(batch).logits.softmax(1))


def test_it_is_sure_only_where_all_views_are() -> None:
    """A network that says the class of a pixel by its place from the left: mirrored, it says the others."""

    class Places(nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            ramp = torch.linspace(-4, 4, image.shape[3]).expand(len(image), 1, *image.shape[2:])
            return torch.cat([ramp, -ramp], 1)

    px = ManyViews(Frozen(Places()), scales=(1.0,))({"image": torch.zeros(1, 3, 4, 8)})
    torch.testing.assert_close(px.confidence, torch.full((1, 4, 8), 0.5))


def test_it_follows_the_student_as_its_teacher_does() -> None:
    assert ManyViews(MovingAverage()).follows_student
    assert not ManyViews(Frozen(make_network())).follows_student
    student = hardpix.tap(make_network(), decoder="1")
    teacher = ManyViews(MovingAverage(0.9)).bind(student)
    teacher.update(student)
    with torch.no_grad():
        student.model[0].weight += 1
    teacher.update(student)
    alone = MovingAverage(0.9).bind(hardpix.tap(make_network(), decoder="1"))
    torch.testing.assert_close(
        teacher.teacher.network.model[0].weight, student.model[0].weight - 0.5, rtol=0, atol=1e-6
    )
    assert alone.network is not None
    labeler = TrustedBy(ConfidenceThreshold(), HardnessLevel())
    Supervised(WeightedCrossEntropy(), ManyViews(MovingAverage()), labeler).bind(student)


def test_adele_corrects_by_it() -> None:
    teacher = ManyViews(MovingAverage(0.9), scales=(1.0, 1.5), divisor=4)
    check_recipe(Supervised(WeightedCrossEntropy(), teacher, EarlyLearning()))


@pytest.mark.parametrize("settings", [{"scales": (0.5, 2.0)}, {"scales": ()}, {"divisor": 0}])
def test_settings_outside_their_range(settings: dict) -> None:
    with pytest.raises(ValueError, match="expected"):
        ManyViews(Ensemble({"a": Frozen(make_network())}), **settings)
