"""Focal weights, against torchvision's focal loss and against powers of probabilities."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torchvision.ops import sigmoid_focal_loss

from hardpix.pixels import PixelBatch
from hardpix.signals import Focal
from testing import batch_of


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 5.0])
def test_weight_is_a_power_of_the_missing_probability(gamma: float, pixel_batch: Callable[..., PixelBatch]) -> None:
    px = pixel_batch()
    true = px.logits.softmax(1).gather(1, px.target.clamp(max=3)[:, None])[:, 0]
    torch.testing.assert_close(Focal(gamma)(px), (1 - true) ** gamma * px.valid)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_two_classes_are_torchvisions_sigmoid_focal_loss(gamma: float) -> None:
    scores = torch.linspace(-6, 6, 14, dtype=torch.float64).view(1, 2, 7)
    target = torch.arange(14).view(1, 2, 7) % 2
    px = batch_of(torch.stack([torch.zeros_like(scores), scores], 1), target)
    expected = sigmoid_focal_loss(scores, target.double(), alpha=-1, gamma=gamma)
    torch.testing.assert_close(Focal(gamma)(px) * px.loss, expected)


def test_the_missing_probability_keeps_the_digits_that_the_loss_has() -> None:
    """In float32 the difference 1 − p itself has only four digits left at p = 0.999."""
    margins = torch.linspace(4, 9, 50).view(1, 1, 50)
    px = batch_of(torch.stack([margins, torch.zeros_like(margins)], 1), torch.zeros(1, 1, 50, dtype=torch.long))
    expected = -np.expm1(-px.loss.numpy().astype(np.float64))
    np.testing.assert_allclose(Focal(1.0)(px), expected, rtol=5e-7)


@pytest.mark.parametrize("gamma", [0.0, 0.3, 1.0, 2.0])
def test_pixels_without_any_loss_have_finite_gradients(gamma: float) -> None:
    logits = torch.tensor([[100.0, 0.0], [-100.0, 0.0]]).view(1, 2, 1, 2).requires_grad_()
    px = batch_of(logits, torch.zeros(1, 1, 2, dtype=torch.long))
    (Focal(gamma)(px) * px.loss).sum().backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
    assert (logits.grad[..., 0] == 0).all()


@pytest.mark.parametrize("gamma", [1e-3, 0.1, 0.5, 1.0, 2.0])
def test_a_pixel_that_is_surely_right_weighs_nothing(gamma: float) -> None:
    logits = torch.tensor([1000.0, 0.0]).view(1, 2, 1, 1).requires_grad_()
    weight = Focal(gamma)(batch_of(logits, torch.zeros(1, 1, 1, dtype=torch.long)))
    assert weight.item() == 0
    weight.sum().backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("gamma", [0.01, 0.1, 0.7])
def test_the_slope_is_that_of_the_closed_form_up_to_the_smallest_losses(gamma: float) -> None:
    """d/dℓ of (1 − e^−ℓ)^γ ℓ, which tends to 0 with ℓ, in float64 down to denormal losses in float32."""
    losses = torch.tensor([0.0, 1e-44, 1e-39, 1e-30, 1e-10, 1e-3, 1.0], requires_grad=True)
    px = batch_of(torch.zeros(1, 2, 1, 7), torch.zeros(1, 1, 7, dtype=torch.long))
    px._cache["loss"] = losses.view(1, 1, 7)
    (Focal(gamma)(px) * px.loss).sum().backward()
    exact = losses.detach().double().numpy()
    wrong = -np.expm1(-exact)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = wrong**gamma + gamma * np.exp(-exact) * exact * wrong ** (gamma - 1)
    expected[0] = 0
    assert losses.grad is not None
    # Below the smallest normal number the second term is left out.
    np.testing.assert_allclose(losses.grad[3:], expected[3:], rtol=1e-5)
    np.testing.assert_allclose(losses.grad[:3], wrong[:3] ** gamma, rtol=1e-2)


def test_a_negative_gamma_is_an_error() -> None:
    with pytest.raises(ValueError, match="gamma ≥ 0, found -1"):
        Focal(-1)
