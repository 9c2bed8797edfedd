"""Properties of every objective, on ordinary and on awkward input."""

from collections.abc import Callable

import pytest

import hardpix.objectives
from hardpix.objectives import (
    AtPoints,
    BorderCrossEntropy,
    BoundaryLoss,
    ChannelDistillation,
    ClassContrast,
    Connectivity,
    Distillation,
    GaussianMixture,
    ImageDistillation,
    LabelDistillation,
    LogicRules,
    MaskClassification,
    MultiScaleAgreement,
    NegativeLearning,
    NeighborAgreement,
    Objective,
    PixelContrast,
    RegionDistillation,
    SideOutputs,
    SkeletonRecall,
    SoftClDice,
    Sum,
    TreeCrossEntropy,
    WeightedCrossEntropy,
)
from hardpix.objectives.default import default_objective
from hardpix.signals import ClassBalance, DepthPrivileged, Focal, HardnessLevel, OnlineHard, Precomputed, Product
from hardpix.testing import check_objective, tapped
from testing import public_classes, query_network

OBJECTIVES: dict[str, Callable[[], Objective]] = {
    "cross-entropy": WeightedCrossEntropy,
    "smoothed": lambda: WeightedCrossEntropy(label_smoothing=0.1, auxiliary_weight=0),
    "hardness": lambda: WeightedCrossEntropy(HardnessLevel(form="published")),
    "default": default_objective,
    "focal": lambda: WeightedCrossEntropy(Focal()),
    "focal 0.5": lambda: WeightedCrossEntropy(Focal(0.5)),
    "OHEM": lambda: WeightedCrossEntropy(OnlineHard()),
    "precomputed": lambda: WeightedCrossEntropy(Precomputed()),
    "depth": lambda: WeightedCrossEntropy(DepthPrivileged()),
    "product": lambda: WeightedCrossEntropy(Product([ClassBalance(), HardnessLevel(form="graded"), Focal()])),
    "side outputs": lambda: SideOutputs(HardnessLevel(kind="light")),
    "side outputs any": lambda: SideOutputs(Focal(), labels="any"),
    # One anchor, for there are images of one pixel.
    "contrast": lambda: PixelContrast(anchors=1),
    "contrast random": lambda: PixelContrast(anchors=1, sampling="random", labels="majority"),
    "contrast hardest": lambda: PixelContrast(HardnessLevel(), anchors=1, memory=8, sampling="hardest"),
    "contrast with classes": lambda: ClassContrast(channels=4),
    "contrast with centroids": lambda: ClassContrast("centroid", signal=Focal(), diversity=0.1, channels=4),
    "contrast with banks": lambda: ClassContrast("bank", bank=2, channels=4),
    "distillation": lambda: Distillation(temperature=2.0, signal=HardnessLevel()),
    "channel distillation": ChannelDistillation,
    "label distillation": lambda: LabelDistillation(HardnessLevel()),
    "image distillation": ImageDistillation,
    "region distillation": RegionDistillation,
    "boundary": BoundaryLoss,
    "mixture": GaussianMixture,
    "mixture of adaptive variance": lambda: GaussianMixture("adaptive"),
    "boundary of classes": lambda: BoundaryLoss(["class 0", 2], reach=2),
    "borders": BorderCrossEntropy,
    "wide borders": lambda: BorderCrossEntropy(3),
    "neighbors": NeighborAgreement,
    "negative learning": lambda: NegativeLearning(0.3),
    "multi-scale": lambda: MultiScaleAgreement(scales=(1.0, 2.0), threshold=0.0, divisor=1),
    "clDice": SoftClDice,
    "clDice of classes": lambda: SoftClDice(["class 0", 2], iterations=2),
    "skeleton recall": SkeletonRecall,
    "skeleton recall of classes": lambda: SkeletonRecall(["class 0", 2], tube_radius=1),
    "connectivity": Connectivity,
    "connectivity of classes": lambda: Connectivity(["class 0", 2], vote_weight=1.0),
    "tree": TreeCrossEntropy,
    "logic": LogicRules,
    "logic of any power": lambda: LogicRules(power=2.5, weight=3.0, ramp=None),
    "tree by hardness": lambda: TreeCrossEntropy(HardnessLevel()),
    "mask classification": lambda: MaskClassification(points=30),
    # Fewer points than the batches have pixels, and more.
    "at points": lambda: AtPoints(WeightedCrossEntropy(Focal()), points=7),
    "at random points": lambda: AtPoints(WeightedCrossEntropy(HardnessLevel()), points=5, uncertain=0),
    "at hard points": lambda: AtPoints(WeightedCrossEntropy(), points=5, uncertainty=HardnessLevel(), uncertain=1),
    "contrast at points": lambda: AtPoints(PixelContrast(anchors=1, sampling="hardest"), points=9),
    "at every pixel": lambda: AtPoints(TreeCrossEntropy("hardness"), points=100, uncertainty=HardnessLevel()),
    "sum": lambda: Sum(
        {
            "entropy": WeightedCrossEntropy(HardnessLevel()),
            "side": SideOutputs("hardness"),
            "contrast": PixelContrast("hardness", anchors=1),
        },
        weights={"side": 0.4},
    ),
}


@pytest.mark.parametrize("make", OBJECTIVES.values(), ids=OBJECTIVES)
def test_it_is_what_an_objective_must_be(make: Callable[[], Objective]) -> None:
    objective = make()
    mixture = isinstance(objective, GaussianMixture)
    network = query_network if isinstance(objective, MaskClassification) else tapped
    # The variance is a constant for the loss, which finite differences do not know.
    check_objective(
        objective,
        uses_unlabeled=isinstance(objective, (GaussianMixture, NegativeLearning, NeighborAgreement)),
        gradcheck=not mixture or objective.variance == "fixed",
        network=network,
    )


def test_all_objectives_are_here() -> None:
    assert {type(make()) for make in OBJECTIVES.values()} == public_classes(hardpix.objectives, Objective)
