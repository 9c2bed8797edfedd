"""Properties of every signal, on ordinary and on awkward input."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import hardpix.signals
from hardpix.objectives.weighting import weight_map
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
from hardpix.testing import check_signal, make_batch, tapped
from testing import batch_of, public_classes

MakeSignal = Callable[[int], Signal]

# Each is made for a number of classes.
SIGNALS: dict[str, MakeSignal] = {
    "uniform": lambda classes: Uniform(),
    "uniform by count": lambda classes: Uniform(normalizer="count"),
    "inverse frequency": lambda classes: ClassBalance(list(range(1, classes + 1))),
    "counts of the data": lambda classes: ClassBalance(),
    "effective number": lambda classes: ClassBalance(list(range(1, classes + 1)), method="effective_number"),
    "components": lambda classes: ComponentBalance(),
    "components without a cap": lambda classes: ComponentBalance(power=1, cap=1e9),
    "focal": lambda classes: Focal(2.0),
    "focal 0.5": lambda classes: Focal(0.5),
    "OHEM": lambda classes: OnlineHard(0.5),
    "OHEM per image": lambda classes: OnlineHard(0.5, min_kept=3, per="image"),
    "hardness": lambda classes: HardnessLevel(form="published"),
    "hardness light": lambda classes: HardnessLevel(form="published", kind="light"),
    "hardness per image": lambda classes: HardnessLevel(form="published", normalize="image"),
    "graded hardness": lambda classes: HardnessLevel(form="graded"),
    "graded hardness light per image": lambda classes: HardnessLevel(form="graded", kind="light", normalize="image"),
    "depth": lambda classes: DepthPrivileged(),
    "depth without a window": lambda classes: DepthPrivileged(dse=0, kind="light", loss="scale_invariant", detach=True),
    "precomputed": lambda classes: Precomputed(),
    "entropy": lambda classes: Entropy(),
    "margin": lambda classes: Margin(),
    "impurity": lambda classes: RegionImpurity(),
    "RIPU": lambda classes: Product([RegionImpurity(2), WindowMean(Entropy(), 2)]),
    "mean of a window": lambda classes: WindowMean(HardnessLevel(form="published"), 3),
    "product": lambda classes: Product([ClassBalance([3] * classes), HardnessLevel(form="published"), Focal()]),
    "focal within each class": lambda classes: WithinClass(Focal()),
    "hardness within each class": lambda classes: WithinClass(HardnessLevel()),
    "product within each class": lambda classes: Product([WithinClass(HardnessLevel()), ClassBalance([3] * classes)]),
    "product of the default": lambda classes: Product([HardnessLevel(), ClassBalance([3] * classes, power=0.5)]),
}
READS = ("weight", "depth")
# The predictions around a pixel count, labeled or not.
OF_NEIGHBORS = ("impurity", "RIPU", "mean of a window")


@pytest.mark.parametrize("classes", [3, 1])
@pytest.mark.parametrize("make", SIGNALS.values(), ids=SIGNALS)
def test_it_is_what_a_signal_must_be(make: MakeSignal, classes: int) -> None:
    check_signal(make(classes), num_classes=classes)


def test_all_signals_are_here() -> None:
    assert {type(make(3)) for make in SIGNALS.values()} == public_classes(hardpix.signals, Signal)


def bound(make: MakeSignal) -> Signal:
    """Bound, its branch in evaluation mode: batch norm has no variance of one pixel."""
    signal = make(3).bind(tapped()).eval()
    if isinstance(signal, ClassBalance):
        signal.set_counts([1, 2, 3])
    return signal


@pytest.mark.parametrize("make", SIGNALS.values(), ids=SIGNALS)
@pytest.mark.parametrize("label", [None, 255])
def test_weights_are_nothing_where_nothing_is_labelled_and_the_map_elsewhere(
    make: MakeSignal, label: int | None
) -> None:
    px, signal = make_batch(reads=READS, label=label), bound(make)
    found = weight_map(px, signal)
    assert (found[px.target == 255] == 0).all()
    assert torch.equal(px.map(signal).detach()[px.valid], found.detach()[px.valid])


ALONE = {name: make for name, make in SIGNALS.items() if name not in OF_NEIGHBORS}


@pytest.mark.parametrize("make", ALONE.values(), ids=ALONE)
@pytest.mark.parametrize("filling", [0.0, -1e30])
def test_ignored_pixels_change_no_weight_and_no_own_loss_whatever_they_hold(make: MakeSignal, filling: float) -> None:
    signal = bound(make)
    px = make_batch(reads=READS)
    ignored = ~px.valid
    assert ignored.any()
    logits = px.logits.detach().clone()
    logits[:, :2].masked_fill_(ignored[:, None], filling)
    # 1×1 convolutions: what the branch sees at an ignored pixel stays there.
    features, embedding = (
        x.detach().masked_fill(ignored[:, None], 50.0) for x in (px.taps.features[0][0], px.taps.embedding)
    )
    weight = px.sample["weight"].masked_fill(ignored, 9.0)
    # Where depth is known a pixel without a class tells of depth all the same.
    depth = px.sample["depth"].masked_fill(ignored, torch.nan)
    px = batch_of(
        px.logits,
        px.target,
        weight=px.sample["weight"],
        depth=depth,
        features=px.taps.features,
        embedding=px.taps.embedding,
        progress=0.7,
    )
    other = batch_of(
        logits, px.target, weight=weight, depth=depth, features=((features,), {}), embedding=embedding, progress=0.7
    )
    assert torch.equal(weight_map(px, signal), weight_map(other, signal))
    if signal.loss(px) is not None:
        gradients = [torch.autograd.grad(signal.loss(p), list(signal.parameters())) for p in (px, other)]
        for one, two in zip(*gradients, strict=True):
            torch.testing.assert_close(one, two, rtol=1e-6, atol=1e-9)
        assert torch.equal(signal.loss(px), signal.loss(other))


WINDOWS = ("depth", "components", "components without a cap", *OF_NEIGHBORS)
POINTWISE = {name: make for name, make in SIGNALS.items() if name not in WINDOWS}


@settings(max_examples=5)
@given(seed=st.integers(0, 2**16))
@pytest.mark.parametrize("make", POINTWISE.values(), ids=POINTWISE)
def test_moving_the_pixels_of_an_image_moves_the_map(make: MakeSignal, seed: int) -> None:
    network, signal = tapped(), bound(make)
    px = make_batch(network, reads=READS)
    order = torch.randperm(20, generator=torch.Generator().manual_seed(seed))

    def move(values: Tensor) -> Tensor:
        return values.flatten(-2)[..., order].view(values.shape)

    known = {"weight": move(px.sample["weight"]), "depth": move(px.sample["depth"])}
    moved = network.pixels(move(px.sample["image"]), move(px.target), **known, progress=0.7)
    torch.testing.assert_close(moved.map(signal), move(px.map(signal)))


def test_a_signal_without_forward_says_so() -> None:
    class Empty(Signal):
        pass

    px = make_batch(size=(1, 2, 2))
    with pytest.raises(NotImplementedError, match="Empty must compute a map"):
        px.map(Empty())
    assert Empty().loss(px) is None
