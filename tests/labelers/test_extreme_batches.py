"""Every labeler on 300 extreme batches: classes or no label, trust from 0 to 1, whatever the layout and the order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import hardpix.labelers
from extreme_batches import CASES, Case, cases, joined, missing, near, taken
from hardpix.labelers import (
    ConfidenceThreshold,
    ConfidenceWeighted,
    EarlyLearning,
    Labeler,
    MixtureLabels,
    PointComponents,
    PseudoLabels,
    TrustedBy,
)
from hardpix.labelers.thresholds import Fixed
from hardpix.pixels import PixelBatch
from hardpix.refiners import PAMR
from hardpix.signals import Signal

pytestmark = pytest.mark.slow


class Doubt(Signal):
    """Signal without a branch."""

    name = "doubt"

    def forward(self, px: PixelBatch) -> torch.Tensor:
        return 1 - px.confidence


@dataclass(frozen=True)
class Promise:
    """A labeler without a state; `alone` is False where labels of an image depend on the others of the batch."""

    make: Callable[[], Labeler]
    alone: bool = True


def early() -> EarlyLearning:
    """In evaluation, and correcting to every class."""
    labeler = EarlyLearning(0.5).eval()
    labeler._open = lambda px: torch.ones(px.logits.shape[1], dtype=torch.bool)  # type: ignore[method-assign]
    return labeler


PROMISES = {
    "threshold": Promise(ConfidenceThreshold),
    "share": Promise(lambda: ConfidenceThreshold(0.5, mode="share")),
    "confidence-weighted": Promise(lambda: ConfidenceWeighted(Fixed(0.5), power=2)),
    # By the mean confidence of the batch.
    "dynamic threshold": Promise(ConfidenceWeighted, alone=False),
    "trusted by doubt": Promise(lambda: TrustedBy(ConfidenceThreshold(0.5), Doubt())),
    "early learning": Promise(early),
    "mixture": Promise(MixtureLabels),
    "points": Promise(lambda: PointComponents(smallest=2)),
    "refined": Promise(lambda: ConfidenceThreshold(0.5, refiner=PAMR((1, 2), steps=2))),
}


@pytest.mark.parametrize("name", PROMISES)
@CASES
@given(case=cases(), with_target=st.booleans())
def test_labels_are_as_they_must_be_and_the_same_whatever_must_not_matter(
    name: str, case: Case, with_target: bool
) -> None:
    labeler = PROMISES[name].make()
    with_target = with_target or labeler.completes
    tensors = case.tensors("logits", "image", "embedding")

    def labeled(given: dict[str, torch.Tensor]) -> PseudoLabels:
        seen = given if with_target else {name: value for name, value in given.items() if name != "target"}
        with case.autocast:
            return labeler(case.px(seen))

    px, whole = case.px(tensors), labeled(tensors)
    assert whole.target.dtype == torch.int64
    assert whole.weight.dtype == torch.float32
    known = (whole.target >= 0) & (whole.target < case.classes)
    assert (known | (whole.target == case.ignore_index)).all()
    assert ((whole.weight >= 0) & (whole.weight <= 1)).all()
    if labeler.completes:
        given = px.valid & (px.sample.get("target_weight", torch.ones(px.shape)) > 0)
        assert torch.equal(whole.target[given], px.labels[given])
    elif with_target:
        assert (whole.target[~px.valid] == case.ignore_index).all()
        assert not whole.weight[~px.valid].any()
    variants = {
        "in reverse, laid out otherwise, in other types": (labeled(case.turned(tensors)), lambda v: v.flip(0)),
        "the same images twice": (labeled(joined([tensors, tensors])), lambda v: v[: case.size[0]]),
    }
    if PROMISES[name].alone:
        variants["the first image alone"] = (labeled(taken(tensors, slice(0, 1))), lambda v: v)
    for what, (found, back) in variants.items():
        target, weight = back(found.target), back(found.weight)
        assert torch.equal(target, whole.target[: len(target)]), what
        near(weight, whole.weight[: len(weight)], what)


def test_every_labeler_has_cases() -> None:
    given = {type(promise.make()) for promise in PROMISES.values()}
    sentence = missing(given, hardpix.labelers, Labeler, "PROMISES of this file")
    assert not sentence, sentence
