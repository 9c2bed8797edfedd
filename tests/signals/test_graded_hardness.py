"""Graded hardness, against its formulas written out and the minimizer that they promise."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from hardpix.objectives.weighting import weight_map
from hardpix.pixels import PixelBatch
from hardpix.signals import HardnessLevel
from testing import batch_of

Make = Callable[..., PixelBatch]
MakeHardness = Callable[..., HardnessLevel]


def scores_for(px: PixelBatch, spread: float = 2.0) -> Tensor:
    generator = torch.Generator().manual_seed(7)
    return spread * torch.randn(px.target.shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize(("share", "cap"), [(0.0, 11.0), (0.5, 11.0), (1.0, 2.0)])
def test_map_mixes_one_and_the_capped_expected_loss(
    share: float, cap: float, pixel_batch: Make, hardness_with_scores: MakeHardness
) -> None:
    px = pixel_batch()
    scores = scores_for(px)
    expected_loss = torch.exp(scores)
    mean = expected_loss[px.valid].mean()
    expected = 1 - share + share * torch.minimum(expected_loss / mean, torch.tensor(cap))
    signal = hardness_with_scores(scores, form="graded", share=share, cap=cap)
    found = weight_map(px, signal)
    torch.testing.assert_close(found, expected * px.valid)
    torch.testing.assert_close(px.map(signal), expected)
    if share == 1.0:
        assert found.max() == cap  # the cap is reached, so that the case tests it


def test_weights_have_mean_one_where_the_cap_is_not_reached(
    pixel_batch: Make, hardness_with_scores: MakeHardness
) -> None:
    px = pixel_batch()
    found = hardness_with_scores(scores_for(px, 0.3), form="graded", share=0.7)(px)
    assert found[px.valid].mean().item() == pytest.approx(1, abs=1e-12)


def test_loss_is_the_poisson_deviance_and_its_gradient_expected_minus_found(
    pixel_batch: Make, hardness_with_scores: MakeHardness
) -> None:
    px = pixel_batch()
    scores = scores_for(px)
    signal = hardness_with_scores(scores, form="graded")
    ratio = px.loss.detach() / px.loss.detach()[px.valid].mean()
    count = px.valid.sum()

    loss = signal.loss(px)
    torch.testing.assert_close(loss.detach(), ((torch.exp(scores) - ratio * scores) * px.valid).sum() / count)
    loss.backward()
    torch.testing.assert_close(signal.branch.scores.grad.squeeze(1), (torch.exp(scores) - ratio) * px.valid / count)


def test_loss_passes_gradcheck_also_where_the_exponential_goes_on_as_its_tangent(pixel_batch: Make) -> None:
    px = pixel_batch(shape=(1, 2, 3))

    def of_scores(scores: Tensor) -> Tensor:
        signal = HardnessLevel(form="graded")
        signal.branch = lambda features, embedding: scores  # type: ignore[assignment]
        return signal.loss(batch_of(px.logits.detach(), px.target))

    for middle in (0.0, 9.5):
        scores = (scores_for(px, 0.4)[:, None] + middle).requires_grad_()
        assert torch.autograd.gradcheck(of_scores, scores)


def test_one_score_for_all_pixels_of_a_feature_learns_their_mean_loss(pixel_batch: Make) -> None:
    """Pixels that the branch cannot tell apart get their mean r: here those of the left and of the right half."""
    px = pixel_batch(shape=(2, 5, 8))
    two = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    side = (torch.arange(8) >= 4).long()
    optimizer = torch.optim.LBFGS([two], max_iter=200, tolerance_grad=1e-12, line_search_fn="strong_wolfe")
    signal = HardnessLevel(form="graded")
    signal.branch = lambda features, embedding: two[side].expand(2, 1, 5, 8)  # type: ignore[assignment]

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = signal.loss(batch_of(px.logits.detach(), px.target))
        loss.backward()
        return loss

    optimizer.step(closure)
    ratio = px.loss.detach() / px.loss.detach()[px.valid].mean()
    for half in (0, 1):
        inside = px.valid & (side == half)
        assert torch.exp(two[half]).item() == pytest.approx(ratio[inside].mean().item(), rel=1e-5)


def test_level_is_one_half_at_the_average_and_rises_with_expected_loss(
    pixel_batch: Make, hardness_with_scores: MakeHardness
) -> None:
    px = pixel_batch(shape=(1, 1, 3))
    expected_loss = torch.tensor([[[0.25, 1.0, 3.0]]], dtype=torch.float64)
    level = hardness_with_scores(expected_loss.log(), form="graded").level(px).detach()
    torch.testing.assert_close(level, torch.tensor([[[0.2, 0.5, 0.75]]], dtype=torch.float64))


def test_wild_scores_stay_finite_and_are_pulled_back(pixel_batch: Make, hardness_with_scores: MakeHardness) -> None:
    px = pixel_batch()
    signal = hardness_with_scores(torch.full(px.target.shape, 500.0).double(), form="graded")
    assert signal(px).isfinite().all()
    signal.loss(px).backward()
    gradient = signal.branch.scores.grad.squeeze(1)
    assert gradient.isfinite().all()
    assert (gradient[px.valid] > 0).all()


def test_it_is_the_form_without_settings_and_weighs_by_expected_loss_alone(pixel_batch: Make) -> None:
    px = pixel_batch()
    scores = scores_for(px, 0.3)
    signal = HardnessLevel()
    signal.branch = lambda features, embedding: scores[:, None]  # type: ignore[assignment]
    expected_loss = torch.exp(scores)
    torch.testing.assert_close(px.map(signal), expected_loss / expected_loss[px.valid].mean())
    assert signal.expects_loss


def test_per_image_the_weights_of_each_image_sum_to_its_pixels(
    pixel_batch: Make, hardness_with_scores: MakeHardness
) -> None:
    px = pixel_batch(shape=(3, 4, 5))
    px.target[1] = 255
    found = weight_map(px, hardness_with_scores(scores_for(px), normalize="image"))
    torch.testing.assert_close(found.sum((1, 2)), torch.tensor([20.0, 0, 20]).double())


def test_a_batch_without_any_label_has_a_map_and_no_gradient(
    pixel_batch: Make, hardness_with_scores: MakeHardness
) -> None:
    px = pixel_batch()
    px.target.fill_(255)
    scores = scores_for(px)
    signal = hardness_with_scores(scores)
    # Without a mean of labeled pixels, multiples of 1.
    torch.testing.assert_close(signal(px), torch.exp(scores).clamp(max=11))
    loss = signal.loss(px)
    assert loss.item() == 0
    loss.backward()
    assert not signal.branch.scores.grad.any()


def test_a_loss_of_nothing_asks_for_an_expectation_of_nothing(
    pixel_batch: Make, hardness_with_scores: MakeHardness
) -> None:
    """One class: every loss is 0, so that r = 0 and the gradient of (e^D − r · D) / |V| is e^D / |V|."""
    px = pixel_batch(classes=1)
    assert not px.loss.any()
    scores = scores_for(px)
    signal = hardness_with_scores(scores)
    signal.loss(px).backward()
    expected = torch.exp(scores) * px.valid / px.valid.sum()
    torch.testing.assert_close(signal.branch.scores.grad.squeeze(1), expected)


def test_a_map_of_another_resolution_has_the_closed_gradient_through_the_resize(
    pixel_batch: Make, hardness_with_scores: MakeHardness
) -> None:
    px = pixel_batch(shape=(1, 2, 4))
    coarse = scores_for(px)[:, :1, :2]

    def resize(scores: Tensor) -> Tensor:
        return torch.nn.functional.interpolate(scores, (2, 4), mode="bilinear")

    signal = hardness_with_scores(coarse)
    signal.loss(batch_of(px.logits, px.target)).backward()
    ratio = px.loss.detach() / px.loss.detach()[px.valid].mean()
    fine = (torch.exp(resize(coarse[:, None])[:, 0]) - ratio) * px.valid / px.valid.sum()
    jacobian = torch.autograd.functional.jacobian(resize, coarse[:, None])
    torch.testing.assert_close(torch.tensordot(fine[:, None], jacobian, 4), signal.branch.scores.grad)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"form": "soft"}, "expected form 'graded' or 'published', found 'soft'"),
        ({"share": 1.5}, "expected share from 0"),
        ({"share": float("nan")}, "expected share from 0"),
        ({"cap": 0.5}, "expected cap ≥ 1"),
        ({"cap": float("nan")}, "expected cap ≥ 1"),
        (
            {"floor": 1.0},
            "no alpha or floor in the graded form, which has neither, found floor=1.0; give form='published'",
        ),
        ({"alpha": 0.0, "floor": 0.2}, "found alpha=0.0 and floor=0.2"),
    ],
)
def test_settings_outside_their_range(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HardnessLevel(**settings)
