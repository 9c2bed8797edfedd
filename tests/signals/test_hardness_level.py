"""Learned hardness, against the formulas of its paper written out."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import hardpix
from hardpix.objectives.weighting import weight_map
from hardpix.pixels import PixelBatch
from hardpix.signals import HardnessLevel
from testing import batch_of

Make = Callable[..., PixelBatch]
MakeHardness = Callable[..., HardnessLevel]


def random_scores(px: PixelBatch, seed: int = 7) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.randn(px.target.shape, generator=generator, dtype=torch.float64)


def small_model(classes: int = 4) -> nn.Sequential:
    head = nn.Sequential(nn.ReLU(), nn.Conv2d(6, classes, 1))
    return nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), head).double()


def test_map_is_sigmoid_plus_floor_on_labelled_pixels(pixel_batch: Make, hardness_with_scores: MakeHardness) -> None:
    px = pixel_batch()
    scores = random_scores(px)
    expected = 1 / (1 + torch.exp(-scores)) + 0.25
    signal = hardness_with_scores(scores, floor=0.25, form="published")
    torch.testing.assert_close(weight_map(px, signal), expected * (px.target != 255))
    torch.testing.assert_close(px.map(signal).detach(), expected)


def test_per_image_the_weights_of_each_image_sum_to_its_pixels(
    pixel_batch: Make, hardness_with_scores: MakeHardness
) -> None:
    px = pixel_batch(shape=(3, 4, 5))
    px.target[1] = 255
    scores = random_scores(px)
    found = weight_map(px, hardness_with_scores(scores, normalize="image", form="published"))
    torch.testing.assert_close(found.sum((1, 2)), torch.tensor([20.0, 0, 20]).double())
    # An image without labels keeps the map as it is.
    everywhere = hardness_with_scores(scores, normalize="image", form="published")(px).detach()
    torch.testing.assert_close(everywhere[1], torch.sigmoid(scores[1]) + 0.1)
    within = weight_map(batch_of(px.logits, px.target), hardness_with_scores(scores, form="published"))
    for image in (0, 2):
        torch.testing.assert_close(found[image] / found[image].sum(), within[image] / within[image].sum())


def test_scores_are_resized_before_the_sigmoid(pixel_batch: Make, hardness_with_scores: MakeHardness) -> None:
    """Two scores stretched to four pixels with aligned centers: the inner ones mix them 3 : 1."""
    px = pixel_batch(shape=(1, 1, 4))
    signal = hardness_with_scores(torch.tensor([[[-8.0, 8.0]]], dtype=torch.float64))
    torch.testing.assert_close(
        signal.level(px).detach(), torch.sigmoid(torch.tensor([[[-8.0, -4.0, 4.0, 8.0]]])).double()
    )


@pytest.mark.parametrize("floor", [0.1, 0.5])
def test_weights_of_two_pixels_never_differ_by_more_than_the_bound(
    floor: float, pixel_batch: Make, hardness_with_scores: MakeHardness
) -> None:
    px = pixel_batch()
    found = hardness_with_scores(100 * random_scores(px), floor=floor, form="published")(px)[px.valid]
    ratio = (found.max() / found.min()).item()
    assert ratio == pytest.approx((1 + floor) / floor)
    assert ratio <= (1 + floor) / floor * (1 + 1e-12)


@pytest.mark.parametrize("normalize", ["batch", "image"])
def test_gradient_is_the_closed_form(normalize: str, pixel_batch: Make, hardness_with_scores: MakeHardness) -> None:
    """Batch: −α σ'(D_i)(ℓ_i − L_seg) / Σh. Image b of n with labels: −α σ'(D_i)(ℓ_i − L_b) / (n Σ_b h)."""
    px = pixel_batch(shape=(3, 3, 4))
    px.target[2] = 255
    scores, alpha, floor = random_scores(px), 0.03, 0.1
    signal = hardness_with_scores(scores, alpha=alpha, floor=floor, normalize=normalize, form="published")
    signal.loss(px).backward()

    sigma = torch.sigmoid(scores)
    hardness, loss = (sigma + floor) * px.valid, px.loss.detach()
    axes = (0, 1, 2) if normalize == "batch" else (1, 2)
    sums = hardness.sum(axes, keepdim=True).clamp(min=1e-300)
    mean_loss = (hardness * loss).sum(axes, keepdim=True) / sums
    groups = 1 if normalize == "batch" else 2
    expected = -alpha * sigma * (1 - sigma) * (loss - mean_loss) / (groups * sums) * px.valid
    torch.testing.assert_close(signal.branch.scores.grad.squeeze(1), expected, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("normalize", ["batch", "image"])
def test_own_loss_is_minus_alpha_times_the_weighted_loss_and_passes_gradcheck(
    normalize: str, pixel_batch: Make, hardness_with_scores: MakeHardness
) -> None:
    px = pixel_batch()
    scores, alpha = random_scores(px), 0.5
    signal = hardness_with_scores(scores, alpha=alpha, normalize=normalize, form="published")
    share = (torch.sigmoid(scores) + 0.1) * px.valid
    share = share / share.sum((1, 2), keepdim=True) / 2 if normalize == "image" else share / share.sum()
    torch.testing.assert_close(signal.loss(px).detach(), -alpha * (share * px.loss.detach()).sum())

    def loss(values: Tensor) -> Tensor:
        fresh = batch_of(px.logits, px.target)
        signal = hardness_with_scores(scores, alpha=alpha, normalize=normalize, form="published")
        del signal.branch.scores
        signal.branch.scores = values
        return signal.loss(fresh)

    assert torch.autograd.gradcheck(loss, scores.unsqueeze(1).requires_grad_())


def test_ascent_raises_the_level_exactly_where_the_loss_is_above_the_mean(
    pixel_batch: Make, hardness_with_scores: MakeHardness
) -> None:
    px = pixel_batch()
    signal = hardness_with_scores(torch.zeros(px.target.shape, dtype=torch.float64), form="published")
    signal.loss(px).backward()
    above = px.loss.detach() > px.loss[px.valid].mean()
    assert torch.equal(signal.branch.scores.grad.squeeze(1) < 0, above & px.valid)


def test_a_map_of_another_resolution_has_the_closed_gradient_through_the_resize(
    pixel_batch: Make, hardness_with_scores: MakeHardness
) -> None:
    px = pixel_batch(shape=(1, 2, 4))
    coarse = random_scores(px)[:, :1, :2]
    fine = nn.functional.interpolate(coarse[:, None], (2, 4), mode="bilinear").squeeze(1)
    signals = [hardness_with_scores(coarse, form="published"), hardness_with_scores(fine, form="published")]
    gradients = []
    for signal in signals:
        signal.loss(batch_of(px.logits, px.target)).backward()
        gradients.append(signal.branch.scores.grad)
    resize = torch.autograd.functional.jacobian(
        lambda x: nn.functional.interpolate(x, (2, 4), mode="bilinear"), coarse[:, None]
    )
    torch.testing.assert_close(torch.tensordot(gradients[1], resize, 4), gradients[0])


@pytest.mark.parametrize("form", ["published", "graded"])
@pytest.mark.parametrize("kind", ["copy", "light"])
def test_not_one_gradient_of_the_own_loss_reaches_the_network(kind: str, form: str) -> None:
    model = small_model()
    network = hardpix.tap(model, decoder="1")
    signal = HardnessLevel(kind=kind, form=form).bind(network)  # type: ignore[arg-type]
    image = torch.rand(2, 3, 5, 4, dtype=torch.float64, requires_grad=True)
    px = network.pixels(image, torch.randint(0, 4, (2, 5, 4)))
    signal.loss(px).backward()
    assert all(parameter.grad is None for parameter in model.parameters())
    assert image.grad is None
    assert all(parameter.grad is not None for parameter in signal.parameters())


def test_bind_builds_one_branch_and_never_holds_the_network() -> None:
    network = hardpix.tap(small_model(), decoder="1")
    signal = HardnessLevel()
    assert signal.bind(network) is signal
    branch = signal.branch
    assert branch is not None
    assert signal.bind(network).branch is branch
    assert not {id(p) for p in network.parameters()} & {id(p) for p in signal.parameters()}
    assert network not in list(signal.modules())


@pytest.mark.parametrize("form", ["published", "graded"])
@pytest.mark.parametrize("stride", [1, 2])
def test_under_autocast_map_and_loss_are_float32(stride: int, form: str) -> None:
    model = small_model().float()
    model[0].stride = (stride, stride)
    network = hardpix.tap(model, decoder="1")
    signal = HardnessLevel(form=form).bind(network)  # type: ignore[arg-type]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        px = network.pixels(torch.rand(1, 3, 4, 6), torch.zeros(1, 4, 6, dtype=torch.long))
        assert px.logits.dtype == (torch.bfloat16 if stride == 1 else torch.float32)
        found, own = px.map(signal), signal.loss(px)
    assert found.dtype == own.dtype == torch.float32
    with torch.autocast("cpu", dtype=torch.bfloat16):
        scores = signal.branch(px.taps.features, px.taps.embedding).detach()
    assert scores.dtype == torch.bfloat16
    resized = torch.nn.functional.interpolate(scores.float(), (4, 6), mode="bilinear", align_corners=False)
    if form == "published":
        expected = torch.sigmoid(resized).squeeze(1) + 0.1
    else:
        expected = torch.exp(resized).squeeze(1) / torch.exp(resized).mean()
    torch.testing.assert_close(found.detach(), expected, rtol=1e-5 if form == "graded" else 1e-6, atol=0)


def test_unbound_is_an_error_that_says_what_to_do(pixel_batch: Make) -> None:
    with pytest.raises(RuntimeError, match=r"no branch yet: give it to hardpix.TrainingStep, or call bind\(network\)"):
        HardnessLevel()(pixel_batch())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"alpha": -0.1}, "alpha ≥ 0, found -0.1"),
        ({"floor": 0}, "floor > 0.*found 0"),
        ({"kind": "tiny"}, "found 'tiny'"),
        ({"normalize": "row"}, "found 'row'"),
    ],
)
def test_bad_settings_are_errors(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HardnessLevel(**settings)
