"""Weighted means, against numpy; several processes are tested with the objectives."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hardpix.pixels import global_sum, process_count, weighted_mean


def random_values(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(2, 3, 4, generator=generator, dtype=torch.float64)
    weights = torch.rand(2, 3, 4, generator=generator, dtype=torch.float64)
    return values, torch.where(weights < 0.3, 0.0, weights)


@settings(max_examples=20)
@given(seed=st.integers(0, 2**16), scale=st.floats(1e-6, 1e6))
def test_is_numpys_average_at_any_scale_of_the_weights(seed: int, scale: float) -> None:
    values, weights = random_values(seed)
    expected = np.average(values.numpy(), weights=weights.numpy())
    assert weighted_mean(values, scale * weights).item() == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_a_given_normalizer_replaces_the_sum_of_weights() -> None:
    values, weights = random_values(0)
    result = weighted_mean(values, weights, normalizer=torch.tensor(24))
    assert result.item() == pytest.approx((values.numpy() * weights.numpy()).sum() / 24)


def test_gradients_hold_the_normalizer_constant() -> None:
    values, weights = random_values(1)
    assert torch.autograd.gradcheck(lambda v: weighted_mean(v, weights), values.requires_grad_())
    weights.requires_grad_()
    weighted_mean(values, weights).backward()
    expected = torch.where(weights > 0, values, 0) / weights.sum()
    torch.testing.assert_close(weights.grad, expected.detach())


def test_without_weight_a_value_is_left_out_whatever_it_is() -> None:
    values = torch.tensor([1.0, float("nan"), float("inf"), 3.0], requires_grad=True)
    result = weighted_mean(values, torch.tensor([1.0, 0.0, 0.0, 3.0]))
    result.backward()
    assert result.item() == 2.5
    assert values.grad.tolist() == [0.25, 0, 0, 0.75]


def test_nothing_with_weight_is_a_zero_on_the_graph() -> None:
    values = torch.full((1, 2, 2), 5.0, requires_grad=True)
    result = weighted_mean(values, torch.zeros(1, 2, 2))
    result.backward()
    assert result.item() == 0
    assert (values.grad == 0).all()


def test_a_single_process_sums_alone_and_off_the_graph() -> None:
    value = torch.tensor([1.0, 2.0], requires_grad=True)
    assert process_count() == 1
    assert global_sum(value).tolist() == [1, 2]
    assert not global_sum(value).requires_grad


def test_half_weights_are_summed_in_the_type_of_the_values() -> None:
    """100 000 ones are infinity in float16."""
    result = weighted_mean(torch.full((100_000,), 0.1), torch.ones(100_000, dtype=torch.float16))
    assert result.item() == pytest.approx(0.1, rel=1e-4)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_half_values_are_averaged_as_float32(kind: torch.dtype) -> None:
    """The sum of 100 000 twos is infinity in float16; bfloat16 has three digits."""
    generator = torch.Generator().manual_seed(0)
    values = (2 + torch.rand(100_000, generator=generator)).to(kind)
    weights = torch.rand(100_000, generator=generator).to(kind)
    found = weighted_mean(values, weights)
    assert found.dtype == torch.float32
    expected = np.average(values.double().numpy(), weights=weights.double().numpy())
    assert found.item() == pytest.approx(expected, rel=1e-6)


def test_whole_numbers_have_a_mean_too() -> None:
    assert weighted_mean(torch.tensor([1, 2, 4]), torch.tensor([True, False, True])).item() == 2.5


def test_maps_that_would_be_broadcast_are_refused() -> None:
    """(B, H, W) times (B, 1, H, W) is (B, B, H, W): every image with every other's weights."""
    with pytest.raises(ValueError, match=r"one shape, found \(2, 3, 4\) and \(2, 1, 3, 4\)"):
        weighted_mean(torch.ones(2, 3, 4), torch.ones(2, 1, 3, 4))
