"""Per-pixel cross-entropy, against numpy, torch's own reduction, and its closed-form gradient."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax, softmax

from hardpix.pixels import cross_entropy_map

SMOOTHING = [0.0, 0.1, 1.0]


def random_batch(seed: int = 0, classes: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(2, classes, 3, 5, generator=generator, dtype=torch.float64)
    target = torch.randint(0, classes, (2, 3, 5), generator=generator)
    target[torch.rand(target.shape, generator=generator) < 0.3] = 255
    return logits, target


def target_distribution(target: np.ndarray, classes: int, smoothing: float) -> np.ndarray:
    """(B, C, H, W): (1 − s)·onehot + s / C; all zero where ignored."""
    onehot = (target[:, None] == np.arange(classes)[None, :, None, None]).astype(float)
    return ((1 - smoothing) * onehot + smoothing / classes) * (target != 255)[:, None]


@pytest.mark.parametrize("smoothing", SMOOTHING)
def test_value_and_gradient_are_the_closed_forms(smoothing: float) -> None:
    logits, target = random_batch()
    logits.requires_grad_()
    loss = cross_entropy_map(logits, target, label_smoothing=smoothing)
    wanted = target_distribution(target.numpy(), 5, smoothing)
    np.testing.assert_allclose(
        loss.detach(), -(wanted * log_softmax(logits.detach().numpy(), axis=1)).sum(1), atol=1e-12
    )
    loss.sum().backward()
    probability = softmax(logits.detach().numpy(), axis=1) * (target != 255).numpy()[:, None]
    np.testing.assert_allclose(logits.grad, probability - wanted, atol=1e-12)


@pytest.mark.parametrize("smoothing", SMOOTHING)
def test_mean_over_labelled_pixels_is_torchs_mean(smoothing: float) -> None:
    logits, target = random_batch(1)
    loss = cross_entropy_map(logits, target, label_smoothing=smoothing)
    expected = F.cross_entropy(logits, target, ignore_index=255, label_smoothing=smoothing)
    torch.testing.assert_close(loss.sum() / (target != 255).sum(), expected)


def test_gradcheck() -> None:
    logits, target = random_batch(2, classes=3)
    assert torch.autograd.gradcheck(
        lambda x: cross_entropy_map(x, target, label_smoothing=0.1), logits.requires_grad_()
    )
    assert torch.autograd.gradgradcheck(lambda x: cross_entropy_map(x, target), logits)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32])
def test_any_integer_type_of_target(dtype: torch.dtype) -> None:
    logits, target = random_batch(3)
    assert torch.equal(cross_entropy_map(logits, target.to(dtype)), cross_entropy_map(logits, target))


@pytest.mark.parametrize("ignore_index", [-1, -100, 2])
def test_any_ignore_index_and_no_class_counts_as_unlabelled(ignore_index: int) -> None:
    logits = torch.zeros(1, 4, 1, 3)
    target = torch.tensor([[[1, ignore_index, 77]]])
    torch.testing.assert_close(
        cross_entropy_map(logits, target, ignore_index), torch.tensor([[[np.log(4), 0, 0]]]).float()
    )


@pytest.mark.parametrize("filling", [0.0, -1e30, 3e38])
@pytest.mark.parametrize("smoothing", SMOOTHING)
def test_ignored_pixels_change_nothing_whatever_they_hold(filling: float, smoothing: float) -> None:
    logits, target = random_batch(4)
    logits = logits.float()
    ignored = (target == 255).unsqueeze(1).expand_as(logits).clone()
    ignored[:, 1::2] = False  # some classes of the ignored pixels alone: a constant over all classes would cancel out
    plain, filled = logits.clone().requires_grad_(), torch.where(ignored, filling, logits).requires_grad_()
    losses = [cross_entropy_map(values, target, label_smoothing=smoothing) for values in (plain, filled)]
    assert torch.equal(*losses)
    for loss in losses:
        loss.sum().backward()
    assert torch.equal(plain.grad, filled.grad)
    assert (plain.grad.movedim(1, -1)[target == 255] == 0).all()


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
@pytest.mark.parametrize("smoothing", SMOOTHING)
def test_ignored_pixels_that_are_no_numbers_change_neither_value_nor_gradient(
    smoothing: float, dtype: torch.dtype, odd: float
) -> None:
    logits, target = random_batch(6)
    logits = logits.to(dtype)
    ignored = (target == 255).unsqueeze(1).expand_as(logits).clone()
    ignored[0, 1::2] = False  # in one image some classes, in the other all of them
    plain, filled = logits.clone().requires_grad_(), logits.masked_fill(ignored, odd).requires_grad_()
    # Torch's own, which is right where logits are finite.
    expected = F.cross_entropy(plain.double(), target, ignore_index=255, reduction="none", label_smoothing=smoothing)
    weight = torch.rand(target.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = cross_entropy_map(filled, target, label_smoothing=smoothing)
    torch.testing.assert_close(found.double(), expected, rtol=1e-6, atol=1e-6)
    for loss in (found, expected):
        (loss * weight).sum().backward()
    torch.testing.assert_close(filled.grad, plain.grad)
    assert (filled.grad.movedim(1, -1)[target == 255] == 0).all()


def test_compiled_they_change_nothing_either() -> None:
    logits = torch.tensor([[1.0, float("nan")], [2.0, 3.0]]).view(1, 2, 1, 2).requires_grad_()
    compiled = torch.compile(cross_entropy_map, backend="aot_eager", fullgraph=True)
    compiled(logits, torch.tensor([[[0, 255]]])).sum().backward()
    torch.testing.assert_close(logits.grad.flatten(), torch.tensor([-1.0, 0.0, 1.0, 0.0]) / (1 + np.exp(-1)))


def test_a_labelled_pixel_that_is_no_number_is_not_hidden() -> None:
    logits = torch.tensor([float("nan"), 0.0]).view(1, 2, 1, 1).requires_grad_()
    loss = cross_entropy_map(logits, torch.zeros(1, 1, 1, dtype=torch.long))
    loss.sum().backward()
    assert loss.isnan().all()
    assert logits.grad.isnan().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_types_give_the_float32_loss_of_the_rounded_logits(dtype: torch.dtype) -> None:
    logits, target = random_batch(5)
    half = logits.to(dtype)
    expected = cross_entropy_map(half.float(), target)
    assert expected.dtype == torch.float32
    assert torch.equal(cross_entropy_map(half, target), expected)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = cross_entropy_map(half, target)
    assert inside.dtype == torch.float32
    assert torch.equal(inside, expected)


@settings(max_examples=20)
@given(seed=st.integers(0, 2**16), shift=st.floats(-50, 50), smoothing=st.sampled_from(SMOOTHING))
def test_renaming_classes_and_shifting_logits_change_nothing(seed: int, shift: float, smoothing: float) -> None:
    logits, target = random_batch(seed)
    order = torch.randperm(5, generator=torch.Generator().manual_seed(seed))
    renamed = torch.where(target == 255, 255, torch.argsort(order)[target.clamp(max=4)])
    torch.testing.assert_close(
        cross_entropy_map(logits[:, order] + shift, renamed, label_smoothing=smoothing),
        cross_entropy_map(logits, target, label_smoothing=smoothing),
    )


@pytest.mark.parametrize("shape", [(3, 3, 7), (2, 3, 3, 6), (2, 3, 4, 7), (1, 3, 3, 7)])
def test_logits_and_target_that_do_not_fit_are_refused(shape: tuple[int, ...]) -> None:
    """Without a batch axis the rows of (C, H, W) would pass for classes."""
    target = torch.zeros(3, 7, dtype=torch.long) if len(shape) == 3 else torch.zeros(2, 3, 7, dtype=torch.long)
    with pytest.raises(ValueError, match=r"expected logits \(B, C, H, W\) and target \(B, H, W\), found"):
        cross_entropy_map(torch.zeros(shape), target)
