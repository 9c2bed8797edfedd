"""Learning curves: closed forms, the least squares of scipy, and ways in which the authors' code goes wrong."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import curve_fit

from hardpix.labelers.learning_curve import LearningCurve, fit_curve


def curve(t: np.ndarray, a: float, b: float, c: float) -> np.ndarray:
    return a * (1 - np.exp(-(t**b) / c))


def slope(t: float, b: float, c: float) -> float:
    return b / c * t ** (b - 1) * np.exp(-(t**b) / c)


def test_slope_falls_as_in_the_closed_form() -> None:
    found = [LearningCurve(0, 0.8, 1.0, 2.0).slowing(epoch) for epoch in range(1, 7)]
    np.testing.assert_allclose(found, [0, 0.3935, 0.6321, 0.7769, 0.8647, 0.9179], atol=5e-5)
    np.testing.assert_allclose(found, [1 - np.exp(-(epoch - 1) / 2) for epoch in range(1, 7)])
    assert [LearningCurve(0, a, 1.0, 2.0).slowed_at(0.9, 15) for a in (0.1, 0.8)] == [6, 6]
    assert LearningCurve(3, 0.8, 1.0, 2.0).slowed_at(0.9, 15) == 9
    assert LearningCurve(0, 0.8, 1.0, 2.0).slowed_at(0.9, 5) is None


@pytest.mark.parametrize(("b", "c"), [(0.5, 1.5), (0.9, 4.0), (2.0, 20.0)])
def test_slowing_is_that_of_the_derivative(b: float, c: float) -> None:
    for epoch in range(1, 15):
        assert LearningCurve(0, 0.7, b, c).slowing(epoch) == pytest.approx(1 - slope(epoch, b, c) / slope(1, b, c))


def test_a_curve_that_grows_faster_first_is_slow_when_it_is_slow() -> None:
    """The authors' rule counts epochs of |r| ≤ 0.9, and takes any growth above 1 for none."""
    found = LearningCurve(0, 0.7, 3.0, 10.0)
    r = [abs(1 - slope(epoch, 3, 10) / slope(1, 3, 10)) for epoch in range(1, 16)]
    counted = 1 + sum((0 if each > 1 else each) <= 0.9 for each in r)
    first = next(epoch for epoch in range(1, 16) if slope(epoch, 3, 10) < 0.1 * slope(1, 3, 10))
    assert found.slowed_at(0.9, 15) == first == 4
    assert counted == 3


def test_a_slope_of_zero_is_no_reason_to_wait() -> None:
    """A class learned within the first epoch: the slopes are 0 / 0 in floating point."""
    with np.errstate(divide="raise", invalid="raise"):
        assert LearningCurve(0, 0.9, 1.0, 1e-3).slowed_at(0.9, 15) == 2


@pytest.mark.parametrize("seed", range(20))
def test_fit_is_as_good_as_that_of_scipy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    t = np.arange(1.0, rng.integers(6, 40))
    truth = rng.uniform(0.2, 1), rng.uniform(0.2, 1), np.exp(rng.uniform(-1, 2))
    iou = np.clip(curve(t, *truth) + rng.normal(0, 0.01 * (seed % 3), len(t)), 0.01, 1)
    sigma = np.geomspace(1, 0.1, len(t))
    found = fit_curve(iou)
    assert found is not None
    assert found.begin == 0

    def error(a: float, b: float, c: float) -> float:
        return float((((curve(t, a, b, c) - iou) / sigma) ** 2).sum())

    best = np.inf
    for start in ((1, 1, 1), truth):
        try:
            best = min(best, error(*curve_fit(curve, t, iou, start, sigma, bounds=([0, 0, 1e-9], [1, 1, np.inf]))[0]))
        except RuntimeError:
            continue
    assert error(found.a, found.b, found.c) <= 1.001 * best + 1e-8


def test_late_epochs_count_most() -> None:
    """An IoU that lies low in the first epochs alone: the curve follows the end."""
    t = np.arange(1.0, 21.0)
    iou = curve(t, 0.6, 1.0, 2.0)
    disturbed = np.where(t <= 2, 0.5 * iou, iou)
    found = fit_curve(disturbed)
    assert found is not None
    assert found.a == pytest.approx(0.6, abs=0.005)


def test_epochs_before_the_beginning_are_cut() -> None:
    late = np.concatenate((np.full(5, 0.001), curve(np.arange(1.0, 15.0), 0.5, 1.0, 2.0)))
    found, plain = fit_curve(late), fit_curve(late[5:])
    assert found is not None
    assert plain is not None
    assert found.begin == 5
    assert (found.a, found.b, found.c) == (plain.a, plain.b, plain.c)
    assert found.slowed_at(0.9, 30) == 5 + 6


@pytest.mark.parametrize(
    "iou", [np.zeros(9), np.full(9, np.nan), np.array([]), np.array([0.2, 0.4, 0.5]), np.array([np.nan, 0.3, np.nan])]
)
def test_no_curve_where_nothing_can_be_fitted(iou: np.ndarray) -> None:
    assert fit_curve(iou) is None


def test_epochs_without_an_iou_are_left_out() -> None:
    t = np.arange(1.0, 16.0)
    iou = curve(t, 0.5, 1.0, 3.0)
    iou[[4, 9]] = np.nan
    found = fit_curve(iou)
    assert found is not None
    assert (found.a, found.b, found.c) == pytest.approx((0.5, 1.0, 3.0), rel=1e-3)
