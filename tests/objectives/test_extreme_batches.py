"""Every objective on 300 extreme batches: finite, and the same whatever must not matter."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import pytest
import torch
from hypothesis import given
from torch import Tensor
from torch.nn.functional import normalize

import hardpix.objectives
from extreme_batches import CASES, Case, cases, joined, missing, near, taken
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
    with_signal_losses,
)
from hardpix.pixels import PixelBatch, valid_mask
from hardpix.signals import DepthPrivileged, Focal, HardnessLevel
from hardpix.testing.bench import Bench

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Promise:
    """An objective, and what its formula promises of batches that are joined.

    Attributes:
        joins: the count by which losses of parts of a batch add up to that of the whole. It is that of labeled
            "pixels", the sum of their "trust", or that of "images" with a trusted pixel; None where there is none.
        repeats: True where the same images twice have the loss of once, as they have where parts add up.
        reads: what it looks at beside logits, labels and their trust.
        uses_unlabeled: True where pixels without a label have a part in it.
    """

    make: Callable[[], Objective]
    joins: Literal["trust", "pixels", "images"] | None = None
    repeats: bool = True
    reads: tuple[str, ...] = ()
    uses_unlabeled: bool = False


BRANCH = ("features", "embedding")


def two_scales() -> Objective:
    """The second view has other logits of the same pixels, in place of another size of an image."""
    objective = MultiScaleAgreement(scales=(1.0, 0.5))
    objective._at = lambda px, scale: replace(px, logits=scale * px.logits)  # type: ignore[method-assign]
    return objective


PROMISES = {
    "smoothed": Promise(lambda: WeightedCrossEntropy(label_smoothing=0.1), "trust", reads=("auxiliary",)),
    "focal": Promise(lambda: WeightedCrossEntropy(Focal(0.5)), "pixels"),
    # Divided by Σ w of a map that looks at the whole batch.
    "graded hardness": Promise(lambda: WeightedCrossEntropy(HardnessLevel(form="graded")), reads=BRANCH),
    "depth": Promise(lambda: WeightedCrossEntropy(DepthPrivileged()), reads=(*BRANCH, "depth")),
    # The rarest class of a cell is that of the batch, whichever images it has.
    "side outputs": Promise(lambda: SideOutputs(Focal(), labels="any"), reads=BRANCH),
    # A pair of pixels may lie in two parts, and a twin is a positive of its own.
    "contrast": Promise(lambda: PixelContrast(sampling="hardest", channels=16), repeats=False, reads=BRANCH),
    "contrast with classes": Promise(lambda: ClassContrast(channels=4), reads=("embedding",)),
    "contrast with centroids": Promise(
        lambda: ClassContrast("centroid", signal=Focal(), diversity=0.5, channels=4), reads=("embedding",)
    ),
    "contrast with banks": Promise(lambda: ClassContrast("bank", bank=3, channels=4), reads=("embedding",)),
    "distillation": Promise(lambda: Distillation(temperature=2.0), "trust", reads=("teacher",)),
    "channel distillation": Promise(ChannelDistillation, "images", reads=("teacher",)),
    "label distillation": Promise(LabelDistillation, "trust", reads=("teacher",)),
    "image distillation": Promise(ImageDistillation, "images", reads=("teacher",)),
    "region distillation": Promise(
        lambda: RegionDistillation(regions=3), reads=("teacher", "embedding", "teacher_embedding")
    ),
    # A mean over borders, whose share of the pixels differs between images.
    "borders": Promise(BorderCrossEntropy),
    "multi-scale": Promise(two_scales, "trust"),
    "boundary": Promise(BoundaryLoss, "trust"),
    "mixture": Promise(GaussianMixture, reads=("embedding",), uses_unlabeled=True),
    "mixture of adaptive variance": Promise(
        lambda: GaussianMixture("adaptive"), reads=("embedding",), uses_unlabeled=True
    ),
    # Quotients of sums over the batch, with a constant in them or without.
    "clDice": Promise(lambda: SoftClDice([0]), repeats=False),
    "skeleton recall": Promise(SkeletonRecall),
    # A mean over what is nearly ruled out, and one over borders.
    "negative learning": Promise(NegativeLearning, uses_unlabeled=True),
    "neighbor agreement": Promise(NeighborAgreement, uses_unlabeled=True),
    # Means over pairs and edges, whose number differs between images.
    "connectivity": Promise(lambda: Connectivity([0]), reads=("embedding",)),
    # Powers of means over the batch.
    "logic": Promise(LogicRules, reads=("embedding",)),
    "tree": Promise(TreeCrossEntropy, "trust"),
    # More points than pixels: draws would differ between batches.
    "at points": Promise(lambda: AtPoints(WeightedCrossEntropy(), points=150), "trust"),
    "focal at points": Promise(lambda: AtPoints(WeightedCrossEntropy(Focal(0.5)), points=150), "pixels"),
    "sum": Promise(
        lambda: Sum({"entropy": WeightedCrossEntropy(), "boundary": BoundaryLoss()}, {"boundary": 0.01}), "trust"
    ),
}
# Points are drawn anew for each image, and a tie of queries is broken by rounding.
DRAWN = {
    "mask classification": Promise(lambda: MaskClassification(points=20), reads=("query_masks", "query_classes")),
}
EVERY = {**PROMISES, **DRAWN}
# These count or normalize otherwise in training.
LEARNING = [
    "at points",
    "mixture",
    "depth",
    "side outputs",
    "contrast",
    "contrast with centroids",
    "contrast with banks",
    "skeleton recall",
    "connectivity",
    *DRAWN,
]


@cache
def bound(name: str, classes: int) -> Objective:
    objective = Bench(EVERY[name].make(), classes).bound()
    if isinstance(objective, ClassContrast):
        # Evaluation alone would compare with nothing. One class stays unknown.
        vectors = normalize(torch.randn(5 * classes, 4, generator=torch.Generator().manual_seed(0)), dim=1)
        objective.memory.store(vectors, torch.arange(5 * classes) % max(classes - 1, 1))
        objective.step += 1
    return objective


def drawn(name: str, case: Case, objective: Objective) -> dict[str, Tensor]:
    """The case's tensors; all cells are anchors, so that no contrast is drawn at random."""
    tensors = case.tensors("logits", *EVERY[name].reads)
    if isinstance(objective, PixelContrast):
        objective.anchors = tensors["embedding"][0, 0].numel()
    return tensors


def evaluated(
    objective: Objective, case: Case, tensors: dict[str, Tensor], uses_unlabeled: bool = False
) -> dict[str, Tensor]:
    """Losses, and gradients of the total by the logits and the taps. They and those of parameters must be finite."""
    px = case.px(tensors)
    with case.autocast:
        losses = with_signal_losses(objective, px)
    for name, value in losses.items():
        assert value.isfinite(), f"{name} is {value.item()}"
    leaves = {"logits": px.logits, "embedding": px.taps.embedding, **px.taps.stages}
    for layer in px.taps.queries:
        leaves |= {"classes": layer.classes, "masks": layer.masks}
    leaves["auxiliary"] = next((logits for logits, _ in px.taps.auxiliary), None)
    inputs = {name: leaf for name, leaf in leaves.items() if leaf is not None} | dict(objective.named_parameters())
    found = torch.autograd.grad(losses["loss"], list(inputs.values()), allow_unused=True)
    gradients = {name: gradient for name, gradient in zip(inputs, found, strict=True) if gradient is not None}
    for name, gradient in gradients.items():
        assert gradient.isfinite().all(), f"the gradient of {name} is not finite"
    if "logits" in gradients and not uses_unlabeled:
        assert not gradients["logits"].movedim(1, -1)[~px.valid].any(), "unlabeled pixels have a gradient"
    by_input = {f"gradient of {name}": gradients[name] for name in leaves if name in gradients}
    return {name: value.detach() for name, value in losses.items()} | by_input


def without_unlabeled(case: Case, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The logits NaN at unlabeled pixels, of which nothing may depend."""
    valid = valid_mask(tensors["target"], case.classes, case.ignore_index)
    return tensors | {"logits": torch.where(valid[:, None], tensors["logits"], torch.nan)}


def same(found: dict[str, Tensor], expected: dict[str, Tensor], what: str) -> None:
    assert found.keys() == expected.keys(), what
    for name, value in expected.items():
        near(found[name], value, f"{what}, {name}")


@pytest.mark.parametrize("name", PROMISES)
@CASES
@given(case=cases())
def test_losses_and_gradients_are_finite_and_the_same_whatever_must_not_matter(name: str, case: Case) -> None:
    promise, objective = PROMISES[name], bound(name, case.classes)
    tensors = drawn(name, case, objective)
    whole = evaluated(objective, case, tensors, promise.uses_unlabeled)
    other = case.turned(tensors)
    if not promise.uses_unlabeled:
        other = without_unlabeled(case, other)
    turned = evaluated(objective, case, other, promise.uses_unlabeled)
    turned = {name: value.flip(0) if value.ndim else value for name, value in turned.items()}
    same(turned, whole, "in reverse, laid out otherwise, in other types, NaN where nothing is labeled")
    if promise.joins and case.size[0] > 1:
        parts = [taken(tensors, slice(0, 1)), taken(tensors, slice(1, None))]
        counts = [count(case.px(part), promise.joins) for part in parts]
        shares = [number / max(sum(counts), 1e-30) for number in counts]
        losses = [evaluated(objective, case, part) for part in parts]
        total = {}
        for part in whole:
            terms = [share * loss[part] for share, loss in zip(shares, losses, strict=True)]
            total[part] = torch.cat(terms) if terms[0].ndim else torch.stack(terms).sum()
        same(total, whole, "the parts of the batch, added")
    elif promise.repeats:
        twice = evaluated(objective, case, joined([tensors, tensors]), promise.uses_unlabeled)
        images = case.size[0]
        twice = {name: value[:images] + value[images:] if value.ndim else value for name, value in twice.items()}
        same(twice, whole, "the same images twice")


def count(px: PixelBatch, by: Literal["trust", "pixels", "images"]) -> float:
    valid = valid_mask(px.labels, px.logits.shape[1], px.ignore_index)
    trust = valid * px.sample.get("target_weight", torch.ones(px.shape))
    return {"trust": trust.sum(), "pixels": valid.sum(), "images": (trust > 0).any(2).any(1).sum()}[by].item()


@pytest.mark.parametrize("name", LEARNING)
@CASES
@given(case=cases())
def test_a_step_of_training_is_finite(name: str, case: Case) -> None:
    objective = copy.deepcopy(bound(name, case.classes)).train()
    evaluated(objective, case, drawn(name, case, objective), EVERY[name].uses_unlabeled)


def test_every_objective_has_cases() -> None:
    given = {type(promise.make()) for promise in EVERY.values()}
    sentence = missing(given, hardpix.objectives, Objective, "PROMISES of this file")
    assert not sentence, sentence
