"""The learning rate against its closed form."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hardpix.training.schedule import polynomial_with_warmup


def rates(total: int, warmup: int, power: float, groups: tuple[float, ...] = (1.0,)) -> list[list[float]]:
    parameters = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": rate} for rate in groups]
    optimizer = torch.optim.SGD(parameters)
    schedule = polynomial_with_warmup(optimizer, total, warmup, power)
    seen = []
    for _ in range(total):
        seen.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        schedule.step()
    return seen


@pytest.mark.parametrize("power", [0.9, 1.0, 2.0])
def test_without_warm_up_it_is_the_polynomial(power: float) -> None:
    found = [rate for (rate,) in rates(10, 0, power)]
    assert found == pytest.approx([(1 - k / 10) ** power for k in range(10)])


def test_warm_up_rises_in_equal_steps_to_the_full_rate() -> None:
    found = [rate for (rate,) in rates(12, 4, 0.9)]
    assert found[:4] == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert found[4:] == pytest.approx([(1 - k / 8) ** 0.9 for k in range(8)])


@given(st.integers(1, 40), st.integers(0, 39), st.floats(0.1, 3))
def test_it_rises_then_falls_and_is_never_zero_while_steps_are_left(total: int, warmup: int, power: float) -> None:
    warmup = min(warmup, total - 1)
    found = [rate for (rate,) in rates(total, warmup, power)]
    assert all(0 < rate <= 1 for rate in found)
    assert found[:warmup] == sorted(found[:warmup])
    assert found[warmup:] == sorted(found[warmup:], reverse=True)


def test_groups_keep_their_ratio() -> None:
    assert all(branch == pytest.approx(10 * network) for network, branch in rates(9, 3, 0.9, (0.01, 0.1)))


def test_steps_beyond_the_end_have_rate_zero() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = polynomial_with_warmup(optimizer, 2)
    for _ in range(5):
        optimizer.step()
        schedule.step()
    assert optimizer.param_groups[0]["lr"] == 0
