"""Self-training beside its formula, with a teacher and a labeler whose every answer is known."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from my_recipes import Follower
from torch import Tensor, nn

import hardpix
from hardpix.data.batch_transforms import ClassMix, CutMix, StrongColor
from hardpix.labelers import Labeler, PseudoLabels
from hardpix.networks import TappedNetwork
from hardpix.objectives import WeightedCrossEntropy
from hardpix.recipes import SelfTraining, TwoViews
from hardpix.signals import HardnessLevel

CLASSES = 3


def tapped() -> TappedNetwork:
    torch.manual_seed(0)
    head = nn.Sequential(nn.ReLU(), nn.Conv2d(6, CLASSES, 1))
    return hardpix.tap(nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), head), decoder="1")


class Confident(Labeler):
    """Labels what the teacher is sure of; the rest is ignored."""

    epochs = 0

    def forward(self, px: Any) -> PseudoLabels:
        sure = px.confidence > 0.37
        return PseudoLabels(torch.where(sure, px.logits.argmax(1), 255), sure * 0.5)

    def end_epoch(self) -> None:
        self.epochs += 1


def batches(labeled: int = 2, unlabeled: int = 2) -> dict[str, dict[str, Any]]:
    generator = torch.Generator().manual_seed(1)
    images = [torch.rand(count, 3, 6, 8, generator=generator) for count in (labeled, unlabeled)]
    target = torch.randint(0, CLASSES, (labeled, 6, 8), generator=generator)
    target[:, 0] = 255
    return {
        "labeled": {"image": images[0], "target": target, "stem": ["a"] * labeled},
        "unlabeled": {"image": images[1], "stem": ["b"] * unlabeled, "target_weight": torch.ones(unlabeled, 6, 8)},
    }


def cross_entropy(network: TappedNetwork, image: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(network.model(image), target, ignore_index=255)


def test_the_loss_is_that_of_the_labeled_images_and_a_share_of_the_others() -> None:
    recipe = SelfTraining(WeightedCrossEntropy(), Follower(), Confident(), weight=0.3).bind(tapped())
    given = batches()
    with torch.no_grad():
        scores = recipe.teacher.network.model(given["unlabeled"]["image"]).softmax(1)
    taught = torch.where(scores.amax(1) > 0.37, scores.argmax(1), 255)
    assert 0 < (taught == 255).sum() < taught.numel()
    expected = [
        cross_entropy(recipe.network, given["labeled"]["image"], given["labeled"]["target"]),
        # A trust that is the same everywhere cancels out.
        cross_entropy(recipe.network, given["unlabeled"]["image"], taught),
    ]
    found = recipe(given, 0.5)
    torch.testing.assert_close(found["labeled/segmentation"], expected[0])
    torch.testing.assert_close(found["unlabeled/segmentation"], expected[1])
    torch.testing.assert_close(found["loss"], expected[0] + 0.3 * expected[1])


def test_the_network_learns_from_the_strong_view_and_the_teacher_labels_the_weak_one() -> None:
    class Flip(nn.Module):
        def forward(self, batch: Any, partner: Any) -> dict[str, Any]:
            return {**batch, **{key: batch[key].flip(-2) for key in ("image", "target", "target_weight")}}

    recipe = SelfTraining(WeightedCrossEntropy(), Follower(), Confident(), Flip()).bind(tapped())
    given = batches()
    image = given["unlabeled"]["image"]
    with torch.no_grad():
        scores = recipe.teacher.network.model(image).softmax(1)
    taught = torch.where(scores.amax(1) > 0.37, scores.argmax(1), 255)
    expected = cross_entropy(recipe.network, image.flip(-2), taught.flip(-2))
    torch.testing.assert_close(recipe(given, 0.0)["unlabeled/segmentation"], expected)


@pytest.mark.parametrize("partner", ["labeled", "unlabeled"])
def test_what_is_mixed_in(partner: Any) -> None:
    seen: list[Any] = []

    class Note(nn.Module):
        def forward(self, batch: Any, other: Any) -> Any:
            seen.append(other)
            return batch

    given = batches()
    SelfTraining(WeightedCrossEntropy(), Follower(), Confident(), Note(), partner).bind(tapped())(given, 0.0)
    assert seen == [given["labeled"] if partner == "labeled" else None]


@pytest.mark.parametrize(("labeled", "unlabeled"), [(1, 3), (3, 2)])
def test_labeled_images_are_mixed_in_by_turns_where_there_are_fewer(labeled: int, unlabeled: int) -> None:
    seen: list[Any] = []

    class Note(ClassMix):
        def forward(self, batch: Any, partner: Any = None) -> Any:
            seen.append(partner)
            return super().forward(batch, partner)

    given = batches(labeled, unlabeled)
    SelfTraining(WeightedCrossEntropy(), Follower(), Confident(), Note()).bind(tapped())(given, 0.0)
    places = [0, 0, 0] if labeled == 1 else [0, 1]
    assert torch.equal(seen[0]["image"], given["labeled"]["image"][places])
    assert torch.equal(seen[0]["target"], given["labeled"]["target"][places])


def test_a_teacher_is_shown_to_the_objective_where_the_pixels_are_the_same() -> None:
    class Keep(WeightedCrossEntropy):
        def forward(self, px: Any) -> dict[str, Tensor]:
            self.seen = px
            return super().forward(px)

    for augment, same in ((None, True), (StrongColor(), True), (CutMix(1.0), False), (ClassMix(), False)):
        unlabeled = Keep()
        recipe = SelfTraining(WeightedCrossEntropy(), Follower(), Confident(), augment, unlabeled=unlabeled)
        recipe.bind(tapped())(batches(), 0.0)
        assert (unlabeled.seen.teacher is not None) == same


@pytest.mark.parametrize(
    ("ramp", "progress", "expected"),
    [(0.0, 0.0, 2.0), (0.5, 0.0, 2 * math.exp(-5)), (0.5, 0.25, 2 * math.exp(-1.25)), (0.5, 0.5, 2.0), (0.5, 1.0, 2.0)],
)
def test_the_weight_rises(ramp: float, progress: float, expected: float) -> None:
    recipe = SelfTraining(WeightedCrossEntropy(), Follower(), Confident(), weight=2.0, ramp=ramp).bind(tapped())
    losses = recipe(batches(), progress)
    torch.testing.assert_close(losses["loss"], losses["labeled/loss"] + expected * losses["unlabeled/loss"])


def test_a_learned_signal_of_both_objectives_learns_once_and_from_labels() -> None:
    signal = HardnessLevel()
    recipe = SelfTraining(
        WeightedCrossEntropy(signal), Follower(), Confident(), unlabeled=WeightedCrossEntropy(signal)
    ).bind(tapped())
    losses = recipe(batches(), 0.0)
    assert "labeled/hardness" in losses
    assert "unlabeled/hardness" not in losses
    own = SelfTraining(
        WeightedCrossEntropy(), Follower(), Confident(), unlabeled=WeightedCrossEntropy(HardnessLevel())
    ).bind(tapped())
    assert "unlabeled/hardness" in own(batches(), 0.0)


def test_the_teacher_follows_each_step_and_may_be_deployed() -> None:
    recipe = SelfTraining(WeightedCrossEntropy(), Follower(), Confident(), deploy="teacher").bind(tapped())
    assert recipe.deployed is recipe.teacher.network
    with torch.no_grad():
        recipe.network.model[0].bias.fill_(1.0)
    before = recipe.teacher.network.model[0].bias.clone()
    recipe.end_step()
    torch.testing.assert_close(recipe.teacher.network.model[0].bias, before.lerp(torch.ones(6), 0.5))
    recipe.end_epoch()
    assert recipe.labeler.epochs == 1
    assert not any(p.requires_grad for p in recipe.teacher.parameters())


@pytest.mark.parametrize("settings", [{"weight": -1.0}, {"ramp": 1.5}])
def test_settings_outside_their_range(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected weight ≥ 0 and ramp"):
        SelfTraining(WeightedCrossEntropy(), Follower(), Confident(), **settings)


class TestTwoViews:
    def test_both_views_are_learned_with_half_the_weight_each(self) -> None:
        class Turn(nn.Module):
            """Upside down at first, then left to right."""

            side = -2

            def forward(self, batch: Any, partner: Any) -> dict[str, Any]:
                side, self.side = self.side, -1
                return {**batch, **{key: batch[key].flip(side) for key in ("image", "target", "target_weight")}}

        recipe = TwoViews(WeightedCrossEntropy(), Follower(), Confident(), Turn(), weight=0.6).bind(tapped())
        given = batches()
        image = given["unlabeled"]["image"]
        with torch.no_grad():
            scores = recipe.teacher.network.model(image).softmax(1)
        taught = torch.where(scores.amax(1) > 0.37, scores.argmax(1), 255)
        views = [cross_entropy(recipe.network, image.flip(side), taught.flip(side)) for side in (-2, -1)]
        labeled = cross_entropy(recipe.network, given["labeled"]["image"], given["labeled"]["target"])
        assert not torch.isclose(*views)
        found = recipe(given, 1.0)
        torch.testing.assert_close(found["first/segmentation"], views[0])
        torch.testing.assert_close(found["second/segmentation"], views[1])
        torch.testing.assert_close(found["loss"], labeled + 0.3 * views[0] + 0.3 * views[1])

    def test_two_views_that_cannot_differ_are_an_error(self) -> None:
        recipe = TwoViews(WeightedCrossEntropy(), Follower(), Confident()).bind(tapped())
        with pytest.raises(ValueError, match="TwoViews needs views that differ, found no augment"):
            recipe(batches(), 0.0)

    def test_it_draws_anew_for_each_view(self) -> None:
        recipe = TwoViews(WeightedCrossEntropy(), Follower(), Confident(), CutMix(1.0), "unlabeled").bind(tapped())
        found = recipe(batches(), 0.0)
        assert found["first/loss"] != found["second/loss"]
