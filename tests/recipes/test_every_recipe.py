"""Properties of every recipe and of every labeler."""

from collections.abc import Callable
from types import ModuleType

import pytest
import torch
from torch import Tensor

import hardpix.labelers
import hardpix.recipes
from hardpix.data.batch_transforms import ClassMix, CutMix, StrongColor
from hardpix.labelers import (
    ConfidenceThreshold,
    ConfidenceWeighted,
    EarlyLearning,
    Labeler,
    MixtureLabels,
    PointComponents,
    TrustedBy,
)
from hardpix.labelers.thresholds import ByHardness, ClassFloor, EntropyPercentile, Fixed, Floor, FreeMatch, SoftMatch
from hardpix.objectives import Distillation, PixelContrast, Sum, WeightedCrossEntropy
from hardpix.pixels import DatasetInfo, PixelBatch, Taps, prepare_all
from hardpix.recipes import FutureSelfTraining, Recipe, SelfTraining, Supervised, TwoViews
from hardpix.refiners import PAMR
from hardpix.signals import HardnessLevel, Signal
from hardpix.teachers import MovingAverage
from hardpix.testing import check_labeler, check_recipe, tapped
from testing import public_classes


class Doubt(Signal):
    """Signal without a branch."""

    name = "doubt"

    def forward(self, px: PixelBatch) -> Tensor:
        return 1 - px.confidence


RECIPES: dict[str, Callable[[], Recipe]] = {
    "supervised": lambda: Supervised(WeightedCrossEntropy(HardnessLevel())),
    "distillation": lambda: Supervised(
        Sum({"learn": WeightedCrossEntropy(), "distill": Distillation()}), teacher=MovingAverage()
    ),
    "corrected labels": lambda: Supervised(WeightedCrossEntropy(), MovingAverage(), ConfidenceThreshold(0.0)),
    "self-training": lambda: SelfTraining(
        WeightedCrossEntropy(HardnessLevel()), MovingAverage(), ConfidenceThreshold(0.3), StrongColor(), weight=0.5
    ),
    "two views": lambda: TwoViews(
        WeightedCrossEntropy(HardnessLevel()), MovingAverage(0), ConfidenceThreshold(0.3), StrongColor()
    ),
    "future, deep": lambda: FutureSelfTraining(
        WeightedCrossEntropy(HardnessLevel()), MovingAverage(0.9), ConfidenceThreshold(0.3), StrongColor()
    ),
    "future, wide": lambda: FutureSelfTraining(
        WeightedCrossEntropy(),
        MovingAverage(0.9),
        TrustedBy(ConfidenceWeighted(Floor()), HardnessLevel()),
        StrongColor(),
        future="wide",
    ),
    "trusted by learned hardness": lambda: SelfTraining(
        WeightedCrossEntropy(HardnessLevel()),
        MovingAverage(),
        TrustedBy(ConfidenceThreshold(0.3), HardnessLevel(form="graded")),
        CutMix(),
    ),
    "threshold by learned hardness": lambda: Supervised(
        WeightedCrossEntropy(),
        MovingAverage(),
        ConfidenceWeighted(ByHardness(HardnessLevel(form="graded", kind="light"), ClassFloor())),
    ),
    "mixed, with a memory": lambda: SelfTraining(
        Sum({"learn": WeightedCrossEntropy(), "contrast": PixelContrast(anchors=4, memory=8)}),
        MovingAverage(),
        ConfidenceThreshold(0.3, mode="share"),
        ClassMix(),
        ramp=0.9,
        deploy="teacher",
    ),
}
LABELERS: dict[str, Callable[[], Labeler]] = {
    "confidence-weighted": ConfidenceWeighted,
    "floor": lambda: ConfidenceWeighted(Floor(), power=0.5),
    "floor of classes": lambda: ConfidenceWeighted(ClassFloor()),
    "EntropyPercentile": lambda: ConfidenceWeighted(EntropyPercentile(), power=0),
    "FreeMatch": lambda: ConfidenceWeighted(FreeMatch(), power=0),
    "SoftMatch": lambda: ConfidenceWeighted(SoftMatch(), power=0, decay=0.9),
    "threshold by doubt": lambda: ConfidenceWeighted(ByHardness(Doubt(), Fixed(0.3))),
    "early learning": EarlyLearning,
    "mixture": MixtureLabels,
    "points": lambda: PointComponents(smallest=2),
    "trusted by doubt": lambda: TrustedBy(ConfidenceThreshold(0.4), Doubt()),
    "pixels": lambda: ConfidenceThreshold(0.4),
    "share": lambda: ConfidenceThreshold(0.4, mode="share"),
    "refined": lambda: ConfidenceThreshold(0.4, refiner=PAMR(dilations=(1,), steps=2)),
}


@pytest.mark.parametrize("make", RECIPES.values(), ids=RECIPES)
def test_it_is_what_a_recipe_must_be(make: Callable[[], Recipe]) -> None:
    check_recipe(make())


@pytest.mark.parametrize("make", LABELERS.values(), ids=LABELERS)
def test_it_is_what_a_labeler_must_be(make: Callable[[], Labeler]) -> None:
    check_labeler(make())


@pytest.mark.parametrize(
    ("room", "base", "made"),
    [(hardpix.recipes, Recipe, RECIPES), (hardpix.labelers, Labeler, LABELERS)],
    ids=["recipes", "labelers"],
)
def test_all_are_here(room: ModuleType, base: type, made: dict[str, Callable[[], object]]) -> None:
    assert {type(make()) for make in made.values()} == public_classes(room, base)


def nothing_labeled(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    return logits, torch.full_like(target, 255)


def never_occurs(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Class 3 is neither labeled nor ever the likeliest."""
    logits = logits.clone()
    logits[:, 3] = -30
    return logits, torch.where(target == 3, 0, target)


def sure_of_nothing(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    return torch.zeros_like(logits), target


@pytest.mark.parametrize("change", [nothing_labeled, never_occurs, sure_of_nothing], ids=lambda each: each.__name__)
@pytest.mark.parametrize("name", LABELERS)
def test_labelers_bear_what_says_nothing(name: str, change: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]) -> None:
    """Three epochs of two batches in training: labels are classes or none, trust is a number, and so is the state."""
    labeler = LABELERS[name]().bind(tapped()).train()
    prepare_all(labeler.modules(), DatasetInfo(("road", "pole", "tree", "sky"), lambda: [5, 1, 4, 0]))
    generator = torch.Generator().manual_seed(0)
    for step in range(6):
        logits, embedding = (torch.randn(2, width, 6, 8, generator=generator) for width in (4, 5))
        target = torch.randint(0, 4, (2, 6, 8), generator=generator)
        target[torch.rand(target.shape, generator=generator) < 0.3] = 255
        logits, target = change(logits, target)
        image = torch.rand(2, 3, 6, 8, generator=generator) + 0.1
        px = PixelBatch(logits, target, sample={"image": image}, taps=Taps(embedding=embedding))
        labels = labeler(px)
        assert labels.target.shape == labels.weight.shape == target.shape
        assert bool(((labels.target == 255) | ((labels.target >= 0) & (labels.target < 4))).all())
        assert bool(((labels.weight >= 0) & (labels.weight <= 1)).all())
        assert not labels.weight[labels.target == 255].any()
        if change is nothing_labeled:
            # Without a label nothing is known of any pixel: padding looks the same, and completers have no seed.
            assert bool((labels.target == 255).all())
        elif change is never_occurs:
            assert not (labels.target == 3).any()
        # The objective's loss is a number, zero where nothing is labeled, and its gradient is finite.
        scores = logits.clone().requires_grad_()
        seen = PixelBatch(scores, labels.target, sample={"target_weight": labels.weight})
        loss = WeightedCrossEntropy()(seen)["loss"]
        loss.backward()
        assert bool(loss.isfinite())
        assert bool(scores.grad.isfinite().all())
        if change is nothing_labeled:
            assert loss.item() == 0
        labeler.end_step()
        if step % 2:
            labeler.end_epoch()
    assert all(bool(value.isfinite().all()) for value in labeler.state_dict().values() if isinstance(value, Tensor))
