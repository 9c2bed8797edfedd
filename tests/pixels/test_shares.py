"""Shares of counts, against Python's own decimal numbers and fractions."""

from decimal import ROUND_CEILING, Decimal
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hardpix.pixels.shares import as_fraction, share_of


@settings(max_examples=300)
@given(digits=st.integers(0, 10**7), places=st.integers(7, 7), count=st.integers(0, 2**32 - 1))
def test_of_a_decimal_it_is_the_least_whole_number_from_the_exact_product_on(
    digits: int, places: int, count: int
) -> None:
    share = Decimal(digits).scaleb(-places)
    expected = int((share * count).to_integral_value(ROUND_CEILING))
    assert share_of(torch.tensor([count]), float(share)).tolist() == [expected]


@given(numerator=st.integers(0, 1000), denominator=st.integers(1, 1000))
def test_of_a_quotient_it_is_the_fraction(numerator: int, denominator: int) -> None:
    assert as_fraction(numerator / denominator) == Fraction(numerator, denominator)


@pytest.mark.parametrize("share", [1e-12, 1e-300, 5e-324])
def test_the_smallest_share_is_still_one_pixel(share: float) -> None:
    assert share_of(torch.tensor([0, 1, 10**6]), share).tolist() == [0, 1, 1]


def test_sums_of_tenths_are_tenths() -> None:
    assert as_fraction(0.1 + 0.2) == Fraction(3, 10)
    assert share_of(torch.tensor([[50], [100]]), 0.1 + 0.2).tolist() == [[15], [30]]
