"""Every signal on 300 extreme batches: a finite map ≥ 0 that depends on no layout, type or order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import pytest
import torch
from hypothesis import given

import hardpix.signals
from extreme_batches import CASES, Case, cases, joined, missing, near, taken
from hardpix.signals import (
    ClassBalance,
    ComponentBalance,
    DepthPrivileged,
    Entropy,
    Focal,
    HardnessLevel,
    Margin,
    OnlineHard,
    Precomputed,
    Product,
    RegionImpurity,
    Signal,
    Uniform,
    WindowMean,
    WithinClass,
)
from hardpix.testing.bench import Bench

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Promise:
    """A signal; `alone` is False where its map of an image depends on the others of the batch."""

    make: Callable[[], Signal]
    alone: bool = True
    reads: tuple[str, ...] = ()


BRANCH = ("features", "embedding")
PROMISES = {
    "uniform": Promise(Uniform),
    "class balance": Promise(ClassBalance),
    "components": Promise(lambda: ComponentBalance(power=1, cap=1e9)),
    "focal 0.5": Promise(lambda: Focal(0.5)),
    # The hardest of the batch.
    "OHEM": Promise(lambda: OnlineHard(0.2, 0.5), alone=False),
    "OHEM per image": Promise(lambda: OnlineHard(0.2, 3, per="image")),
    "hardness": Promise(lambda: HardnessLevel(form="published"), reads=BRANCH),
    # Multiples of the batch's mean.
    "graded hardness": Promise(HardnessLevel, alone=False, reads=BRANCH),
    "hardness per image": Promise(
        lambda: HardnessLevel(form="published", kind="light", normalize="image"), reads=BRANCH
    ),
    # Multiples of the batch's 95th percentile.
    "depth": Promise(DepthPrivileged, alone=False, reads=(*BRANCH, "depth")),
    "precomputed": Promise(Precomputed, reads=("weight",)),
    "entropy": Promise(Entropy),
    "margin": Promise(Margin),
    "impurity": Promise(lambda: RegionImpurity(2)),
    "mean of a window": Promise(lambda: WindowMean(Entropy(), 2)),
    # Multiples of the batch's mean of each class.
    "within each class": Promise(lambda: WithinClass(HardnessLevel()), alone=False, reads=BRANCH),
    "product": Promise(lambda: Product([ClassBalance(), HardnessLevel(form="published"), Focal()]), reads=BRANCH),
}


@cache
def bound(name: str, classes: int) -> Signal:
    return Bench(PROMISES[name].make(), classes).bound()


@pytest.mark.parametrize("name", PROMISES)
@CASES
@given(case=cases())
def test_maps_are_finite_and_the_same_whatever_must_not_matter(name: str, case: Case) -> None:
    promise, signal = PROMISES[name], bound(name, case.classes)
    tensors = case.tensors("logits", *promise.reads)

    def found(given: dict[str, torch.Tensor]) -> torch.Tensor:
        with case.autocast, torch.no_grad():
            return case.px(given).map(signal)

    whole = found(tensors)
    assert whole.dtype == torch.float32
    assert whole.isfinite().all()
    assert (whole >= 0).all()
    near(found(case.turned(tensors)).flip(0), whole, "in reverse, laid out otherwise, in other types")
    near(found(joined([tensors, tensors])), torch.cat([whole, whole]), "the same images twice")
    if promise.alone:
        near(found(taken(tensors, slice(0, 1))), whole[:1], "the first image alone")


def test_every_signal_has_cases() -> None:
    given = {type(promise.make()) for promise in PROMISES.values()}
    sentence = missing(given, hardpix.signals, Signal, "PROMISES of this file")
    assert not sentence, sentence
