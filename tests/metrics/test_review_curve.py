"""Errors found by checking, against sorted pixels, all orders of ties, and the risk-coverage curve."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpix.metrics import review_curve, risk_at_coverage

Pairs = list[tuple[int, bool]]
few_pixels = st.lists(st.tuples(st.sampled_from([0, 7, 65535]), st.booleans()), min_size=1, max_size=6)


def histogram_of(pairs: Pairs) -> np.ndarray:
    counts = np.zeros((2, 65536), dtype=np.int64)
    for value, wrong in pairs:
        counts[int(wrong), value] += 1
    return counts


@given(few_pixels)
def test_the_share_found_is_the_mean_over_all_orders_of_ties(pairs: Pairs) -> None:
    counts = histogram_of(pairs)
    checked = np.arange(len(pairs) + 1) / len(pairs)
    found = review_curve(counts.sum(0), counts[1], checked)
    if not any(wrong for _, wrong in pairs):
        assert np.isnan(found).all()
        return
    orders = [p for p in itertools.permutations(pairs) if all(a[0] >= b[0] for a, b in itertools.pairwise(p))]
    shares = [np.concatenate([[0], np.cumsum([wrong for _, wrong in order])]) for order in orders]
    np.testing.assert_allclose(found, np.mean(shares, axis=0) / counts[1].sum(), atol=1e-12)


def test_untied_pixels_are_a_running_sum_from_the_highest_value() -> None:
    rng = np.random.default_rng(0)
    values, wrong = rng.permutation(65536)[:5000], rng.random(5000) < 0.1
    counts = histogram_of(list(zip(values.tolist(), wrong.tolist(), strict=True)))
    expected = wrong[np.argsort(-values)].cumsum() / wrong.sum()
    np.testing.assert_allclose(review_curve(counts.sum(0), counts[1], np.arange(1, 5001) / 5000), expected, atol=1e-12)


@given(few_pixels.filter(lambda pairs: any(wrong for _, wrong in pairs)), st.floats(0, 0.99))
def test_what_is_not_found_is_the_risk_of_what_is_kept(pairs: Pairs, checked: float) -> None:
    counts = histogram_of(pairs)
    missed = (1 - checked) * risk_at_coverage(counts, np.array([1 - checked])) / counts[1].sum() * counts.sum()
    np.testing.assert_allclose(review_curve(counts.sum(0), counts[1], np.array([checked])), 1 - missed, atol=1e-9)


def test_images_are_checked_whole() -> None:
    images, wrong = np.array([2, 0, 1, 1]), np.array([30, 0, 10, 60])
    found = review_curve(images, wrong, np.array([0.25, 0.5, 0.75, 1.0]))
    np.testing.assert_allclose(found, [0.6, 0.7, 0.85, 1.0])


@pytest.mark.parametrize("share", [-0.1, 1.1, math.nan])
def test_a_share_outside_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="shares from 0 to 1"):
        review_curve(np.ones(3, int), np.ones(3, int), np.array([0.5, share]))


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="of one shape"):
        review_curve(np.ones(3, int), np.ones(2, int), np.array([0.5]))
