"""Weighted cross-entropy, against torch's own losses, numpy and closed forms."""

import copy
import pickle
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import hardpix
from hardpix.objectives import WeightedCrossEntropy, with_signal_losses
from hardpix.pixels import PixelBatch
from hardpix.signals import ClassBalance, Focal, HardnessLevel, OnlineHard, Precomputed, Product, Signal, Uniform
from testing import batch_of

Make = Callable[..., PixelBatch]
MakeHardness = Callable[..., HardnessLevel]

PLAIN: dict[str, Signal | None] = {
    "none": None,
    "uniform": Uniform(),
    "focal with gamma 0": Focal(0.0),
    "OHEM that keeps all": OnlineHard(min_kept=1.0),
    "OHEM with threshold 1": OnlineHard(threshold=1.0, min_kept=0),
    "equal classes": ClassBalance([5, 5, 5, 5]),
    "product of ones": Product([Uniform(), Focal(0.0)]),
}


def loss_and_gradient(px: PixelBatch, objective: WeightedCrossEntropy) -> tuple[Tensor, Tensor]:
    loss = objective(px)["loss"]
    (gradient,) = torch.autograd.grad(loss, px.logits)
    return loss.detach(), gradient


def random_scores(px: PixelBatch) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    return 2 * torch.randn(px.target.shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("signal", PLAIN.values(), ids=PLAIN)
def test_is_cross_entropy_where_all_weigh_the_same(signal: Signal | None, smoothing: float, pixel_batch: Make) -> None:
    px = pixel_batch()
    loss, gradient = loss_and_gradient(px, WeightedCrossEntropy(signal, label_smoothing=smoothing))
    expected = F.cross_entropy(px.logits, px.target, ignore_index=255, label_smoothing=smoothing)
    (expected_gradient,) = torch.autograd.grad(expected, px.logits)
    torch.testing.assert_close(loss, expected.detach())
    torch.testing.assert_close(gradient, expected_gradient)


def test_constant_hardness_is_cross_entropy(pixel_batch: Make, hardness_with_scores: MakeHardness) -> None:
    px = pixel_batch()
    signal = hardness_with_scores(torch.full(px.target.shape, 1.3, dtype=torch.float64))
    found = WeightedCrossEntropy(signal)(px)["segmentation"]
    torch.testing.assert_close(found, F.cross_entropy(px.logits, px.target, ignore_index=255))


@pytest.mark.parametrize("method", ["inverse_frequency", "effective_number"])
def test_class_weights_are_torchs_class_weights(method: str, pixel_batch: Make) -> None:
    px = pixel_batch()
    signal = ClassBalance([50, 7, 1, 3], method=method)  # type: ignore[arg-type]
    loss, gradient = loss_and_gradient(px, WeightedCrossEntropy(signal))
    expected = F.cross_entropy(px.logits, px.target, weight=signal.weights.double(), ignore_index=255)
    torch.testing.assert_close(loss, expected.detach())
    torch.testing.assert_close(gradient, torch.autograd.grad(expected, px.logits)[0])


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_focal_is_its_formula_with_its_gradient(gamma: float, pixel_batch: Make) -> None:
    px = pixel_batch()
    loss, gradient = loss_and_gradient(px, WeightedCrossEntropy(Focal(gamma)))
    p = px.logits.softmax(1).gather(1, px.target.clamp(max=3)[:, None])[:, 0][px.valid]
    expected = (-((1 - p) ** gamma) * p.log()).mean()
    torch.testing.assert_close(loss, expected.detach())
    torch.testing.assert_close(gradient, torch.autograd.grad(expected, px.logits)[0])
    assert torch.autograd.gradcheck(
        lambda logits: WeightedCrossEntropy(Focal(gamma))(batch_of(logits, px.target))["loss"],
        px.logits.detach().requires_grad_(),
    )


@pytest.mark.parametrize(("threshold", "min_kept"), [(0.3, 0.0), (0.05, 0.25), (0.0, 4)])
def test_ohem_is_the_mean_over_the_kept(threshold: float, min_kept: float | int, pixel_batch: Make) -> None:
    px = pixel_batch(shape=(2, 5, 6))
    loss, gradient = loss_and_gradient(px, WeightedCrossEntropy(OnlineHard(threshold, min_kept)))
    losses = F.cross_entropy(px.logits, px.target, ignore_index=255, reduction="none")[px.valid].sort(descending=True)[
        0
    ]
    at_least = int(np.ceil(len(losses) * min_kept)) if isinstance(min_kept, float) else min_kept
    kept = max(at_least, int((losses.exp().reciprocal() < threshold).sum()))
    assert 0 < kept < len(losses)
    torch.testing.assert_close(loss, losses[:kept].mean().detach())
    torch.testing.assert_close(gradient, torch.autograd.grad(losses[:kept].mean(), px.logits)[0])


def test_hardness_weights_the_loss_and_learns_from_it(pixel_batch: Make, hardness_with_scores: MakeHardness) -> None:
    """L_seg = Σ Ĥ ℓ with gradient Ĥ (softmax − onehot); L_hardness = −α L_seg in value; total is their sum."""
    px = pixel_batch()
    scores, alpha = random_scores(px), 0.01
    parts = with_signal_losses(WeightedCrossEntropy(hardness_with_scores(scores, alpha=alpha, form="published")), px)
    hardness = ((torch.sigmoid(scores) + 0.1) * px.valid).numpy()
    losses = px.loss.detach().numpy()
    expected = np.average(losses, weights=hardness)
    assert set(parts) == {"loss", "segmentation", "hardness"}
    assert parts["segmentation"].item() == pytest.approx(expected)
    assert parts["hardness"].item() == pytest.approx(-alpha * expected)
    assert parts["loss"].item() == pytest.approx((1 - alpha) * expected)

    (gradient,) = torch.autograd.grad(parts["loss"], px.logits)
    onehot = F.one_hot(px.target.clamp(max=3), 4).movedim(-1, 1)
    share = torch.from_numpy(hardness / hardness.sum())[:, None]
    torch.testing.assert_close(gradient, share * (px.logits.softmax(1) - onehot).detach())


def test_the_branch_gets_the_gradient_of_its_own_loss_alone(
    pixel_batch: Make, hardness_with_scores: MakeHardness
) -> None:
    gradients = []

    def of_the_total(signal: Signal, px: PixelBatch) -> Tensor:
        return with_signal_losses(WeightedCrossEntropy(signal), px)["loss"]

    for use in (of_the_total, lambda signal, px: signal.loss(px)):
        px = pixel_batch()
        signal = hardness_with_scores(random_scores(px))
        use(signal, px).backward()
        gradients.append(signal.branch.scores.grad)
    assert torch.equal(*gradients)


@pytest.mark.parametrize("normalize", ["batch", "image"])
def test_per_image_hardness_is_the_mean_of_the_images_weighted_means(
    normalize: str, pixel_batch: Make, hardness_with_scores: MakeHardness
) -> None:
    px = pixel_batch(shape=(3, 4, 5))
    px.target[1] = 255
    scores = random_scores(px)
    found = WeightedCrossEntropy(hardness_with_scores(scores, normalize=normalize, form="published"))(px)[
        "segmentation"
    ]
    hardness = ((torch.sigmoid(scores) + 0.1) * px.valid).numpy()
    losses = px.loss.detach().numpy()
    images = [np.average(losses[b], weights=hardness[b]) for b in (0, 2)]
    expected = np.mean(images) if normalize == "image" else np.average(losses, weights=hardness)
    assert found.item() == pytest.approx(expected)


def test_label_smoothing_changes_the_segmentation_loss_only(
    pixel_batch: Make, hardness_with_scores: MakeHardness
) -> None:
    px, smoothed_px = pixel_batch(), pixel_batch()
    for batch in (px, smoothed_px):
        batch.taps = replace(batch.taps, auxiliary=((0.5 * batch.logits.detach(), 1.0),))
    scores = random_scores(px)
    plain = with_signal_losses(WeightedCrossEntropy(hardness_with_scores(scores, form="published")), px)
    objective = WeightedCrossEntropy(hardness_with_scores(scores, form="published"), label_smoothing=0.2)
    smoothed = with_signal_losses(objective, smoothed_px)
    for part in ("hardness", "auxiliary"):
        assert torch.equal(plain[part], smoothed[part])
    uniform = -px.logits.log_softmax(1).mean(1)
    hardness = (torch.sigmoid(scores) + 0.1) * px.valid
    expected = (hardness * (0.8 * px.loss + 0.2 * uniform)).sum() / hardness.sum()
    torch.testing.assert_close(smoothed["segmentation"], expected)


def test_auxiliary_heads_add_their_plain_loss_with_their_weight(pixel_batch: Make) -> None:
    px = pixel_batch(shape=(2, 4, 6))
    generator = torch.Generator().manual_seed(2)
    sizes = [(4, 6), (2, 3)]
    heads = [torch.randn(2, 4, *size, generator=generator, dtype=torch.float64, requires_grad=True) for size in sizes]
    px.taps = replace(px.taps, auxiliary=((heads[0], 1.0), (heads[1], 0.5)))
    parts = WeightedCrossEntropy(OnlineHard(0.3))(px)
    resized = F.interpolate(heads[1], (4, 6), mode="bilinear", align_corners=False)
    losses = [F.cross_entropy(logits, px.target, ignore_index=255) for logits in (heads[0], resized)]
    expected = 0.4 * (losses[0] + 0.5 * losses[1])
    torch.testing.assert_close(parts["auxiliary"], expected)
    torch.testing.assert_close(parts["loss"], parts["segmentation"] + expected)
    found = torch.autograd.grad(parts["loss"], heads)
    for gradient, wanted in zip(found, torch.autograd.grad(expected, heads), strict=True):
        torch.testing.assert_close(gradient, wanted)
    without = WeightedCrossEntropy(auxiliary_weight=0)(px)
    assert torch.equal(without["loss"], without["segmentation"])
    assert not any(gradient.any() for gradient in torch.autograd.grad(without["loss"], heads))


def test_product_weights_by_the_product_and_adds_every_own_loss(
    pixel_batch: Make, hardness_with_scores: MakeHardness
) -> None:
    px = pixel_batch()
    scores = random_scores(px)
    balance = ClassBalance([50, 7, 1, 3])
    objective = WeightedCrossEntropy(Product([balance, hardness_with_scores(scores, form="published")]))
    parts = with_signal_losses(objective, px)
    hardness = ((torch.sigmoid(scores) + 0.1) * px.valid).numpy()
    losses = px.loss.detach().numpy()
    classes = balance.weights.double().numpy()[px.target.clamp(max=3)]
    assert parts["segmentation"].item() == pytest.approx(np.average(losses, weights=hardness * classes))
    # The hardness learns from its own map, not from the product.
    assert parts.keys() == {"loss", "segmentation", "hardness"}
    assert parts["hardness"].item() == pytest.approx(-0.01 * np.average(losses, weights=hardness))


@settings(max_examples=15)
@given(seed=st.integers(0, 2**16), scale=st.floats(1e-3, 1e3))
def test_the_scale_of_weights_does_not_matter(seed: int, scale: float, pixel_batch: Make) -> None:
    weight = torch.rand(2, 3, 5, generator=torch.Generator().manual_seed(seed))
    objective = WeightedCrossEntropy(Precomputed(floor=0))
    one, other = (objective(pixel_batch(seed, weight=w))["loss"] for w in (weight, scale * weight))
    torch.testing.assert_close(one, other, rtol=1e-5, atol=0)
    px = pixel_batch(seed)
    expected = np.average(px.loss.detach().numpy(), weights=(weight * px.valid).numpy())
    assert one.item() == pytest.approx(expected, rel=1e-6)


SIGNALS: dict[str, Callable[[], Signal]] = {
    "uniform": Uniform,
    "class balance": lambda: ClassBalance([4, 3, 2, 1]),
    "focal": Focal,
    "OHEM": lambda: OnlineHard(0.5),
    "OHEM per image": lambda: OnlineHard(0.5, per="image"),
    "hardness": lambda: HardnessLevel(form="published"),
    "hardness light": lambda: HardnessLevel(form="published", kind="light"),
    "hardness per image": lambda: HardnessLevel(form="published", normalize="image"),
    "graded hardness": HardnessLevel,
    "graded hardness light": lambda: HardnessLevel(kind="light"),
    "graded hardness per image": lambda: HardnessLevel(normalize="image"),
    "precomputed": Precomputed,
    "product": lambda: Product([ClassBalance([4, 3, 2, 1]), HardnessLevel(), Focal()]),
}


def network() -> hardpix.TappedNetwork:
    torch.manual_seed(0)
    head = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Conv2d(6, 4, 1))
    return hardpix.tap(torch.nn.Sequential(torch.nn.Conv2d(3, 6, 1), head).double(), decoder="1")


def with_head(px: PixelBatch) -> PixelBatch:
    """The batch with an auxiliary head beside its logits."""
    px.taps = replace(px.taps, auxiliary=((0.3 * px.logits, 1.0),))
    return px


def run(tapped: hardpix.TappedNetwork, objective: WeightedCrossEntropy, target: Tensor, image: Tensor) -> PixelBatch:
    """Forward and backward with an auxiliary head."""
    px = with_head(tapped.pixels(image, target, weight=torch.ones(target.shape)))
    with_signal_losses(objective, px)["loss"].backward()
    return px


@pytest.mark.parametrize("make", SIGNALS.values(), ids=SIGNALS)
@pytest.mark.parametrize("shape", [(2, 3, 5), (1, 1, 1)])
def test_all_ignored_is_a_zero_on_the_graph(make: Callable[[], Signal], shape: tuple[int, int, int]) -> None:
    tapped = network()
    objective = WeightedCrossEntropy(make(), label_smoothing=0.1).bind(tapped).eval()
    image = torch.rand(shape[0], 3, *shape[1:], dtype=torch.float64)
    px = with_head(tapped.pixels(image, torch.full(shape, 255), weight=torch.ones(shape)))
    parts = with_signal_losses(objective, px)
    assert all(value.item() == 0 for value in parts.values())
    parts["loss"].backward()
    for parameter in (*tapped.parameters(), *objective.parameters()):
        assert parameter.grad is not None
        assert (parameter.grad == 0).all()


@pytest.mark.parametrize("make", SIGNALS.values(), ids=SIGNALS)
@pytest.mark.parametrize("filling", [0.0, -1e30])
def test_values_and_gradients_are_the_same_whatever_ignored_pixels_hold(
    make: Callable[[], Signal], filling: float
) -> None:
    """Logits as leaves: the ignored ones are replaced, and the gradients compared pixel by pixel."""
    tapped = network()
    objective = WeightedCrossEntropy(make(), label_smoothing=0.1).bind(tapped).eval()
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(2, 3, 4, 5, generator=generator, dtype=torch.float64)
    target = torch.randint(0, 4, (2, 4, 5), generator=generator)
    target[torch.rand(2, 4, 5, generator=generator) < 0.4] = 255
    ignored = (target == 255)[:, None]
    px = tapped.pixels(image, target, weight=torch.rand(2, 4, 5, generator=generator))
    results = []
    for fill in (lambda x, value: x, lambda x, value: x.masked_fill(ignored, value)):
        logits = px.logits.detach().clone()
        logits[:, :2] = fill(logits[:, :2], filling)  # half of the classes: a shift of all would cancel out
        logits.requires_grad_()
        batch = batch_of(
            logits,
            target,
            weight=fill(px.sample["weight"][:, None], 9.0)[:, 0],
            features=((fill(px.taps.features[0][0].detach(), 50.0),), {}),
            embedding=fill(px.taps.embedding.detach(), 50.0),
            auxiliary=[(0.3 * logits, 1.0)],
        )
        parts = with_signal_losses(objective, batch)
        results.append([*parts.values(), *torch.autograd.grad(parts["loss"], [logits, *objective.parameters()])])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)
    assert (results[1][len(parts)].movedim(1, -1)[target == 255] == 0).all()


@settings(max_examples=4)
@given(seed=st.integers(0, 2**16))
@pytest.mark.parametrize("make", SIGNALS.values(), ids=SIGNALS)
def test_the_order_of_pixels_and_images_does_not_matter(make: Callable[[], Signal], seed: int) -> None:
    tapped = network()
    objective = WeightedCrossEntropy(make()).bind(tapped).eval()
    generator = torch.Generator().manual_seed(seed)
    image = torch.rand(2, 3, 4, 5, generator=generator, dtype=torch.float64)
    target = torch.randint(0, 4, (2, 4, 5), generator=generator)
    target[0, :2] = 255
    order = torch.randperm(20, generator=generator)

    def move(values: Tensor) -> Tensor:
        return values.flatten(-2)[..., order].view(values.shape).flip(0)

    gradients = []
    for one_image, one_target in ((image, target), (move(image), move(target))):
        for module in (tapped, objective):
            module.zero_grad()
        run(tapped, objective, one_target, one_image)
        gradients.append([p.grad.clone() for p in (*tapped.parameters(), *objective.parameters())])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("make", SIGNALS.values(), ids=SIGNALS)
def test_half_logits_give_the_float32_loss_of_the_rounded_logits(make: Callable[[], Signal]) -> None:
    tapped = network().float()
    objective = WeightedCrossEntropy(make(), label_smoothing=0.1).bind(tapped).eval()
    generator = torch.Generator().manual_seed(0)
    px = tapped.pixels(torch.rand(2, 3, 4, 5), torch.randint(0, 4, (2, 4, 5), generator=generator))
    half = px.logits.detach().bfloat16()

    def losses(logits: Tensor) -> dict[str, Tensor]:
        known = {"features": px.taps.features, "embedding": px.taps.embedding, "weight": torch.ones(2, 4, 5)}
        batch = batch_of(logits, px.target, auxiliary=[(logits[..., ::2, ::2], 1.0)], **known)
        return with_signal_losses(objective, batch)

    full = losses(half.float())
    for name, value in losses(half).items():
        assert value.dtype == torch.float32
        assert torch.equal(value, full[name])


@pytest.mark.parametrize("make", SIGNALS.values(), ids=SIGNALS)
def test_copies_and_saved_states_give_the_same_losses(make: Callable[[], Signal]) -> None:
    tapped = network()
    objective, loaded = (WeightedCrossEntropy(make()).bind(tapped).eval() for _ in range(2))
    loaded.load_state_dict(objective.state_dict())
    image, target = torch.rand(1, 3, 4, 5).double(), torch.randint(0, 4, (1, 4, 5))

    def losses(module: WeightedCrossEntropy) -> dict[str, float]:
        found = with_signal_losses(module, tapped.pixels(image, target, weight=torch.ones(1, 4, 5)))
        return {name: value.item() for name, value in found.items()}

    for twin in (loaded, copy.deepcopy(objective), pickle.loads(pickle.dumps(objective))):
        assert losses(twin) == losses(objective)


def test_smoothing_keeps_no_plain_loss_that_nobody_asked_for() -> None:
    """The tensors kept for the backward pass: what torch's own smoothed loss keeps, and some masks and maps."""
    logits, target = torch.randn(2, 16, 8, 9), torch.randint(0, 16, (2, 8, 9))

    def kept(loss: Callable[[Tensor], Tensor]) -> int:
        stores = {}
        with torch.autograd.graph.saved_tensors_hooks(lambda t: stores.update({t.data_ptr(): t.numel()}), lambda t: t):
            loss(logits.clone().requires_grad_() + 0)
        return sum(stores.values())

    ours = kept(lambda x: WeightedCrossEntropy(label_smoothing=0.1)(batch_of(x, target))["loss"])
    torchs = kept(lambda x: F.cross_entropy(x, target, label_smoothing=0.1))
    assert ours < torchs + 0.5 * logits.numel()


def test_unbound_signals_and_bad_settings_are_errors(pixel_batch: Make) -> None:
    with pytest.raises(RuntimeError, match="no branch yet"):
        WeightedCrossEntropy(HardnessLevel())(pixel_batch())
    with pytest.raises(ValueError, match=r"label_smoothing from 0 to 1, found 1\.5"):
        WeightedCrossEntropy(label_smoothing=1.5)
    with pytest.raises(ValueError, match="auxiliary_weight ≥ 0, found -1"):
        WeightedCrossEntropy(auxiliary_weight=-1)
