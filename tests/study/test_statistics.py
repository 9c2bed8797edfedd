"""Means and intervals, against scipy's paired t-test, a t table, and how often intervals hold the truth."""

import math

import numpy as np
import pytest
from scipy import stats

from hardpix.study.statistics import paired_difference, spread


@pytest.mark.parametrize("count", [2, 3, 5, 20])
def test_interval_is_that_of_the_paired_t_test(count: int) -> None:
    rng = np.random.default_rng(count)
    first, second = rng.normal(50, 1, count), rng.normal(51, 1, count)
    expected = stats.ttest_rel(second, first).confidence_interval(0.95)
    found = paired_difference(first, second)
    assert found.count == count
    assert found.mean == pytest.approx(np.mean(second) - np.mean(first))
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_interval_by_hand() -> None:
    """t(0.975, 4) is 2.776 in every table; differences 1, 2, 3, 4, 5 have a standard deviation of √2.5."""
    found = paired_difference([10, 20, 30, 40, 50], [11, 22, 33, 44, 55])
    assert found.mean == 3
    assert found.high - found.mean == pytest.approx(2.776445 * math.sqrt(2.5) / math.sqrt(5))
    assert found.is_clear


def test_nineteen_of_twenty_intervals_hold_the_truth() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(4000):
        first = rng.normal(50, 2, 4)
        found = paired_difference(first, first + rng.normal(1.0, 0.7, 4))
        held += found.low <= 1.0 <= found.high
    # Three standard deviations of a share of 4000 draws.
    assert held / 4000 == pytest.approx(0.95, abs=3 * math.sqrt(0.95 * 0.05 / 4000))


def test_one_pair_has_no_interval_and_what_is_not_known_no_mean() -> None:
    single = paired_difference([50.0], [51.5])
    assert single.mean == 1.5
    assert math.isnan(single.low)
    assert not single.is_clear
    assert math.isnan(paired_difference([], []).mean)
    assert math.isnan(paired_difference([50.0, math.nan], [51.0, 52.0]).mean)


def test_spread_is_that_of_a_sample() -> None:
    values = [51.0, 55.5, 49.25]
    found = spread(values)
    mean = sum(values) / 3
    assert found.mean == pytest.approx(mean)
    assert found.std == pytest.approx(math.sqrt(sum((v - mean) ** 2 for v in values) / 2))
    assert math.isnan(spread([1.0]).std)
    assert math.isnan(spread([]).mean)
