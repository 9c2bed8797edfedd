"""Counts of an image against loops over its pixels; temperature against scipy's minimum; ranks against scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from scipy.stats import spearmanr
from sklearn.isotonic import IsotonicRegression

from hardpix.estimators import TemperatureFit, confidence_bins, count_pixels, coverage, rank_correlation, stack
from hardpix.estimators.monotone_rates import isotonic, monotone_rates

from .simulated import image


def by_hand(logits: torch.Tensor, target: torch.Tensor | None, temperature: float) -> dict[str, np.ndarray]:
    classes, height, width = logits.shape
    levels, right = np.zeros((2, classes, 64), dtype=np.int64)
    expected, confusion = np.zeros((classes, classes)), np.zeros((classes, classes), dtype=np.int64)
    for i in range(height):
        for j in range(width):
            if target is not None and target[i, j] == 255:
                continue
            own = [float(value) for value in logits[:, i, j]]
            predicted = own.index(max(own))
            plain = [math.exp(value - max(own)) for value in own]
            calibrated = [math.exp((value - max(own)) / temperature) for value in own]
            rest = sum(plain) - plain[predicted]
            logit = math.log(plain[predicted] / rest) if rest > 0 else math.inf
            level = 63 if logit >= 10 else max(0, math.floor((logit + 10) / 20 * 64))
            levels[predicted, level] += 1
            expected[:, predicted] += np.array(calibrated) / sum(calibrated)
            if target is not None:
                confusion[int(target[i, j]), predicted] += 1
                right[predicted, level] += int(target[i, j]) == predicted
    return {"levels": levels, "expected": expected, "right": right, "confusion": confusion}


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_an_image_is_counted_as_by_loops(temperature: float) -> None:
    logits, target = image(np.random.default_rng(3), side=9)
    logits[:, 0, 0] = torch.tensor([0.0, 200.0, 0.0, 0.0])  # sure beyond any float
    target[1, :4] = 255
    for labels in (target, None):
        found = count_pixels(logits, confidence_bins(logits), labels, temperature=temperature)
        hand = by_hand(logits, labels, temperature)
        np.testing.assert_array_equal(found.levels, hand["levels"])
        np.testing.assert_allclose(found.expected, hand["expected"], rtol=1e-5)
        if labels is None:
            assert found.right is None
            assert found.confusion is None
        else:
            np.testing.assert_array_equal(found.right, hand["right"])
            np.testing.assert_array_equal(found.confusion, hand["confusion"])
            assert found.right is not None
            assert found.right.dtype == found.levels.dtype == np.int64


def test_counts_of_images_add_up_to_those_of_their_pixels_together() -> None:
    rng = np.random.default_rng(0)
    drawn = [image(rng) for _ in range(3)]
    each = stack([count_pixels(logits, confidence_bins(logits), target) for logits, target in drawn])
    logits, target = (torch.cat(parts, dim=-1) for parts in zip(*drawn, strict=True))
    whole = count_pixels(logits, confidence_bins(logits), target)
    total, twice = each.total(), each.total(np.array([2, 0, 1]))
    np.testing.assert_array_equal(total.levels, whole.levels)
    np.testing.assert_array_equal(total.confusion, whole.confusion)
    np.testing.assert_allclose(total.expected, whole.expected, rtol=1e-6)
    np.testing.assert_array_equal(twice.levels, 2 * each.levels[0] + each.levels[2])
    np.testing.assert_array_equal(
        each.take(np.array([1])).total().plus(each.take(np.array([0, 2])).total()).levels, whole.levels
    )


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite_is_refused_with_its_share(value: float) -> None:
    logits = torch.zeros(2, 2, 5)
    logits[0, 0, 0] = value
    for count in (
        lambda: count_pixels(logits, torch.zeros(2, 5, dtype=torch.long)),
        lambda: confidence_bins(logits),
        lambda: TemperatureFit().add(logits, torch.zeros(2, 5, dtype=torch.long)),
    ):
        with pytest.raises(ValueError, match=r"found NaN or infinity in 5 % of the values"):
            count()


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"found shapes \[\(2, 2, 5\), \(5, 2\)\]"):
        count_pixels(torch.zeros(2, 2, 5), torch.zeros(5, 2, dtype=torch.long))


@pytest.mark.parametrize("true", [0.5, 1.0, 3.0])
def test_the_temperature_is_where_the_loss_is_least(true: float) -> None:
    """The minimum by scipy on all pixels together; labels were drawn at a temperature that it comes near to."""
    rng = np.random.default_rng(1)
    drawn = [image(rng, temperature=true, side=60) for _ in range(4)]
    drawn[0][1][:30] = 255
    fit = TemperatureFit()
    for logits, target in drawn:
        fit.add(logits, target)
    logits = torch.cat([logits.reshape(4, -1) for logits, _ in drawn], 1)
    target = torch.cat([target.reshape(-1) for _, target in drawn])

    def loss(log_temperature: float) -> float:
        scaled = logits[None] / math.exp(log_temperature)
        return float(torch.nn.functional.cross_entropy(scaled.double(), target[None], ignore_index=255))

    least = math.exp(minimize_scalar(loss, bounds=(-2.3, 2.3), method="bounded", options={"xatol": 1e-6}).x)
    assert fit.temperature == pytest.approx(least, rel=0.005)
    assert fit.temperature == pytest.approx(true, rel=0.1)


def test_the_temperature_stays_within_its_limits() -> None:
    sure = torch.tensor([0.0, 1.0]).reshape(2, 1, 1)
    limits = {1: 0.1, 0: 10.0}
    for label, limit in limits.items():
        fit = TemperatureFit()
        fit.add(sure, torch.full((1, 1), label))
        assert fit.temperature == limit
    unlabeled = TemperatureFit()
    unlabeled.add(sure, torch.full((1, 1), 255))
    assert unlabeled.temperature == 1.0


def test_isotonic_regression_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        values, weights = rng.random(20), rng.integers(1, 9, 20).astype(float)
        expected = IsotonicRegression().fit_transform(np.arange(20), values, sample_weight=weights)
        np.testing.assert_allclose(isotonic(values, weights), expected, atol=1e-12)
    assert isotonic(rng.random(3), np.zeros(3)).tolist() == [0, 0, 0]


def test_rates_rise_and_lean_on_all_classes_where_a_class_has_no_pixel() -> None:
    levels = np.array([[10**6, 10**6, 10**6], [0, 0, 0]])
    rates = monotone_rates(levels, np.array([[2, 5, 9], [0, 0, 0]]) * 10**5)
    np.testing.assert_allclose(rates[0], [0.2, 0.5, 0.9], atol=1e-9)
    np.testing.assert_allclose(rates[1], [0.2, 0.5, 0.9], atol=1e-9)


def test_ranks_are_those_of_scipy() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        first, second = rng.integers(0, 6, (2, 12)).astype(float)
        assert rank_correlation(first, second) == pytest.approx(spearmanr(first, second)[0])
    second[3] = np.nan
    left = np.arange(12) != 3
    assert rank_correlation(first, second) == pytest.approx(spearmanr(first[left], second[left])[0])
    assert math.isnan(rank_correlation(np.ones(3), np.arange(3.0)))
    assert math.isnan(rank_correlation(np.ones(0), np.ones(0)))
    assert math.isnan(coverage(np.array([np.nan]), np.zeros(1), np.ones(1)))
