"""Properties of every recipe and of every labeler."""

from collections.abc import Callable
from types import ModuleType

import pytest
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
from hardpix.pixels import PixelBatch
from hardpix.recipes import FutureSelfTraining, Recipe, SelfTraining, Supervised, TwoViews
from hardpix.refiners import PAMR
from hardpix.signals import HardnessLevel, Signal
from hardpix.teachers import MovingAverage
from hardpix.testing import check_labeler, check_recipe
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
