"""What holds for every signal, on ordinary and on awkward input."""

import copy
import pickle
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import hardpix
from hardpix.objectives.weighting import weight_map
from hardpix.pixels import PixelBatch
from hardpix.signals import (
    ClassBalance,
    DepthPrivileged,
    Focal,
    HardnessLevel,
    OnlineHard,
    Precomputed,
    Product,
    Signal,
    Uniform,
)
from testing import batch_of

MakeSignal = Callable[[int], Signal]

# Each is made for a number of classes.
SIGNALS: dict[str, MakeSignal] = {
    "uniform": lambda classes: Uniform(),
    "inverse frequency": lambda classes: ClassBalance(list(range(1, classes + 1))),
    "effective number": lambda classes: ClassBalance(list(range(1, classes + 1)), method="effective_number"),
    "focal": lambda classes: Focal(2.0),
    "focal 0.5": lambda classes: Focal(0.5),
    "OHEM": lambda classes: OnlineHard(0.5),
    "OHEM per image": lambda classes: OnlineHard(0.5, min_kept=3, per="image"),
    "hardness": lambda classes: HardnessLevel(),
    "hardness light": lambda classes: HardnessLevel(kind="light"),
    "hardness per image": lambda classes: HardnessLevel(normalize="image"),
    "graded hardness": lambda classes: HardnessLevel(form="graded"),
    "graded hardness light per image": lambda classes: HardnessLevel(form="graded", kind="light", normalize="image"),
    "depth": lambda classes: DepthPrivileged(),
    "depth without a window": lambda classes: DepthPrivileged(dse=0, kind="light", loss="scale_invariant", detach=True),
    "precomputed": lambda classes: Precomputed(),
    "product": lambda classes: Product([ClassBalance([3] * classes), HardnessLevel(), Focal()]),
}
NO_LABEL = 255
AWKWARD: dict[str, tuple[tuple[int, int, int, int], int | None, torch.dtype]] = {
    # shape of the logits, the id that all pixels have, type
    "wide": ((2, 3, 2, 9), None, torch.float32),
    "high": ((1, 3, 9, 1), None, torch.float32),
    "one pixel": ((1, 3, 1, 1), None, torch.float32),
    "one ignored pixel": ((1, 3, 1, 1), NO_LABEL, torch.float32),
    "all ignored": ((2, 3, 4, 5), NO_LABEL, torch.float32),
    "one class in the target": ((2, 3, 4, 5), 1, torch.float32),
    "a single class": ((2, 1, 4, 5), None, torch.float32),
    "float16": ((2, 3, 4, 5), None, torch.float16),
    "bfloat16": ((2, 3, 4, 5), None, torch.bfloat16),
}


def tapped(classes: int) -> hardpix.TappedNetwork:
    torch.manual_seed(0)
    return hardpix.tap(
        nn.Sequential(nn.Conv2d(3, 6, 1), nn.Sequential(nn.ReLU(), nn.Conv2d(6, classes, 1))), decoder="1"
    )


def bound(make: MakeSignal, classes: int) -> Signal:
    """Bound, its branch in evaluation mode: batch norm has no variance of one pixel."""
    return make(classes).bind(tapped(classes)).eval()


def batch(network: hardpix.TappedNetwork, shape: tuple[int, int, int, int], label: int | None = None) -> PixelBatch:
    generator = torch.Generator().manual_seed(1)
    images, classes, height, width = shape
    target = torch.randint(0, classes, (images, height, width), generator=generator)
    if label is None:
        target[torch.rand(target.shape, generator=generator) < 0.2] = NO_LABEL
    else:
        target[:] = label
    image = torch.rand(images, 3, height, width, generator=generator)
    weight = torch.rand(target.shape, generator=generator)
    depth = 1 + 9 * torch.rand(target.shape, generator=generator)
    depth[torch.rand(target.shape, generator=generator) < 0.2] = torch.nan
    px = network.pixels(image, target, weight=weight, depth=depth, progress=0.7)
    # Of one channel the tap makes two classes; a batch from elsewhere may have a single one.
    return px if classes > 1 else replace(px, logits=px.logits[:, 1:])


@pytest.mark.parametrize("make", SIGNALS.values(), ids=SIGNALS)
@pytest.mark.parametrize("awkward", AWKWARD.values(), ids=AWKWARD)
def test_maps_and_gradients_are_finite_and_weights_are_nothing_where_nothing_is_labelled(
    awkward: tuple[tuple[int, int, int, int], int | None, torch.dtype], make: MakeSignal
) -> None:
    shape, label, dtype = awkward
    network = tapped(shape[1])
    signal = make(shape[1]).bind(network).eval()
    with torch.autocast("cpu", dtype=dtype, enabled=dtype != torch.float32):
        px = batch(network, shape, label)
        assert px.logits.dtype == dtype
        found, own = weight_map(px, signal), signal.loss(px)
    assert found.shape == px.target.shape
    assert found.dtype == torch.float32
    assert found.isfinite().all()
    assert (found >= 0).all()
    assert (found[px.target == NO_LABEL] == 0).all()
    everywhere = px.map(signal)
    assert everywhere.isfinite().all()
    assert (everywhere >= 0).all()
    assert torch.equal(everywhere.detach()[px.valid], found.detach()[px.valid])
    if own is not None:
        assert own.dtype == torch.float32
        assert own.isfinite()
        own.backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in signal.parameters())


@pytest.mark.parametrize("make", SIGNALS.values(), ids=SIGNALS)
def test_half_logits_give_the_float32_map_of_the_rounded_logits(make: MakeSignal) -> None:
    signal = bound(make, 3)
    px = batch(tapped(3), (2, 3, 4, 5))

    def map_of(logits: Tensor) -> Tensor:
        known = {
            "weight": px.sample["weight"],
            "depth": px.sample["depth"],
            "features": px.taps.features,
            "embedding": px.taps.embedding,
        }
        return batch_of(logits, px.target, **known, progress=0.7).map(signal)

    half = px.logits.detach().bfloat16()
    assert torch.equal(map_of(half), map_of(half.float()))


@pytest.mark.parametrize("make", SIGNALS.values(), ids=SIGNALS)
@pytest.mark.parametrize("filling", [0.0, -1e30])
def test_ignored_pixels_change_no_weight_and_no_own_loss_whatever_they_hold(make: MakeSignal, filling: float) -> None:
    signal = bound(make, 3)
    px = batch(tapped(3), (2, 3, 4, 5))
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


POINTWISE = {name: make for name, make in SIGNALS.items() if name != "depth"}


@settings(max_examples=5)
@given(seed=st.integers(0, 2**16))
@pytest.mark.parametrize("make", POINTWISE.values(), ids=POINTWISE)
def test_moving_the_pixels_of_an_image_moves_the_map(make: MakeSignal, seed: int) -> None:
    network, signal = tapped(3), bound(make, 3)
    px = batch(network, (2, 3, 4, 5))
    order = torch.randperm(20, generator=torch.Generator().manual_seed(seed))

    def move(values: Tensor) -> Tensor:
        return values.flatten(-2)[..., order].view(values.shape)

    known = {"weight": move(px.sample["weight"]), "depth": move(px.sample["depth"])}
    moved = network.pixels(move(px.sample["image"]), move(px.target), **known, progress=0.7)
    torch.testing.assert_close(moved.map(signal), move(px.map(signal)))


@pytest.mark.parametrize("make", SIGNALS.values(), ids=SIGNALS)
def test_copies_and_saved_states_make_the_same_map(make: MakeSignal) -> None:
    signal = bound(make, 3)
    with torch.no_grad():
        for parameter in signal.parameters():
            parameter.add_(torch.randn_like(parameter))
    loaded = bound(make, 3)
    loaded.load_state_dict(signal.state_dict())
    network = tapped(3)
    expected = signal(batch(network, (2, 3, 4, 5)))
    for twin in (loaded, copy.deepcopy(signal), pickle.loads(pickle.dumps(signal))):
        assert torch.equal(twin(batch(network, (2, 3, 4, 5))), expected)


@pytest.mark.parametrize("make", SIGNALS.values(), ids=SIGNALS)
def test_binding_twice_changes_nothing(make: MakeSignal) -> None:
    network = tapped(3)
    signal = make(3)
    assert signal.bind(network) is signal
    before = list(signal.parameters())
    signal.bind(network)
    assert all(one is two for one, two in zip(before, signal.parameters(), strict=True))


@pytest.mark.parametrize("make", SIGNALS.values(), ids=SIGNALS)
def test_evaluation_changes_no_state(make: MakeSignal) -> None:
    signal = bound(make, 3)
    before = copy.deepcopy(signal.state_dict())
    px = batch(tapped(3), (2, 3, 4, 5))
    px.map(signal)
    signal.loss(px)
    after = signal.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_signal_without_forward_says_so() -> None:
    class Empty(Signal):
        pass

    px = batch(tapped(3), (1, 3, 2, 2))
    with pytest.raises(NotImplementedError, match="Empty must compute a map"):
        px.map(Empty())
    assert Empty().loss(px) is None
