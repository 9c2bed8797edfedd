"""Ranking of errors from histograms, against loops over pixels, all orders of ties, and scikit-learn."""

import itertools
import math

import numpy as np
import pytest
import sklearn.metrics
import torch
from hypothesis import given
from hypothesis import strategies as st

from hardpix.metrics import ErrorRanking, auroc, error_histogram, error_ranking, risk_at_coverage

from .mapped_drawings import CLASSES, Maps, in_parts, maps

KEYS = {"auroc", "aurc", "aurc_perfect", "aurc_random", "excess_aurc"}


def histogram_of(pairs: list[tuple[int, bool]]) -> np.ndarray:
    counts = np.zeros((2, 65536), dtype=np.int64)
    for value, wrong in pairs:
        counts[int(wrong), value] += 1
    return counts


def mean_risks(pairs: list[tuple[int, bool]]) -> np.ndarray:
    """Risk with 1, 2 … N pixels kept, the mean over every order in which no harder pixel comes before a less hard."""
    orders = [
        order for order in itertools.permutations(pairs) if all(a[0] <= b[0] for a, b in itertools.pairwise(order))
    ]
    return np.mean([[np.mean([wrong for _, wrong in o[: k + 1]]) for k in range(len(o))] for o in orders], axis=0)


few_pixels = st.lists(st.tuples(st.sampled_from([0, 7, 65535]), st.booleans()), min_size=1, max_size=6)
many_pixels = st.lists(st.tuples(st.integers(0, 65535), st.booleans()), min_size=1, max_size=60)


@given(maps(), st.booleans())
def test_histogram_counts_labelled_pixels_by_value(drawing: Maps, masked: bool) -> None:
    values, guess, truth, mask = drawing
    expected = np.zeros((2, 65536), dtype=int)
    for place in np.ndindex(truth.shape):
        if truth[place] != 255 and (mask[place] or not masked):
            expected[int(guess[place] != truth[place]), values[place]] += 1
    found = error_histogram(values, guess, truth, CLASSES, mask=mask if masked else None)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, expected)


@given(maps())
def test_auroc_is_that_of_the_quantised_map(drawing: Maps) -> None:
    values, guess, truth, _ = drawing
    found = error_ranking(error_histogram(values, guess, truth, CLASSES))["auroc"]
    valid = truth != 255
    hardness, wrong = torch.tensor(values[valid].astype(np.int64)), torch.tensor((guess != truth)[valid])
    assert found == pytest.approx(auroc(hardness, wrong), abs=1e-12, nan_ok=True)


@given(few_pixels)
def test_area_is_the_mean_risk_over_all_orders_of_ties(pairs: list[tuple[int, bool]]) -> None:
    scores = error_ranking(histogram_of(pairs))
    perfect = [(int(wrong), wrong) for _, wrong in pairs]
    assert scores["aurc"] == pytest.approx(mean_risks(pairs).mean())
    assert scores["aurc_perfect"] == pytest.approx(mean_risks(perfect).mean())
    assert scores["aurc_random"] == pytest.approx(mean_risks([(0, wrong) for _, wrong in pairs]).mean())
    assert scores["excess_aurc"] == pytest.approx(mean_risks(pairs).mean() - mean_risks(perfect).mean(), abs=1e-12)


@given(few_pixels)
def test_curve_is_the_mean_risk_over_all_orders_of_ties(pairs: list[tuple[int, bool]]) -> None:
    kept = np.arange(1, len(pairs) + 1) / len(pairs)
    np.testing.assert_allclose(risk_at_coverage(histogram_of(pairs), kept), mean_risks(pairs), atol=1e-12)


@given(many_pixels)
def test_perfect_and_random_bound_every_map(pairs: list[tuple[int, bool]]) -> None:
    scores = error_ranking(histogram_of(pairs))
    assert scores["aurc"] >= scores["aurc_perfect"] - 1e-12
    reverse = error_ranking(histogram_of([(1 - int(wrong), wrong) for _, wrong in pairs]))
    assert scores["aurc"] <= reverse["aurc"] + 1e-12
    error_rate = np.mean([wrong for _, wrong in pairs])
    assert scores["aurc_random"] == pytest.approx(error_rate)
    assert risk_at_coverage(histogram_of(pairs), np.array([1.0]))[0] == pytest.approx(error_rate)


def test_many_untied_pixels_are_those_of_a_running_mean() -> None:
    rng = np.random.default_rng(0)
    values, wrong = rng.permutation(65536)[:50_000], rng.random(50_000) < 0.1
    scores = error_ranking(histogram_of(list(zip(values.tolist(), wrong.tolist(), strict=True))))
    risks = wrong[values.argsort()].cumsum() / np.arange(1, 50_001)
    assert scores["aurc"] == pytest.approx(risks.mean(), rel=1e-12)
    assert scores["auroc"] == pytest.approx(sklearn.metrics.roc_auc_score(wrong, values), rel=1e-12)


@pytest.mark.parametrize("rate", [0.02, 0.5])
def test_a_large_set_has_the_area_of_the_integral(rate: float) -> None:
    # A perfect map's risk at coverage c is 0 up to 1 − r, then 1 − (1 − r)/c; its integral is r + (1 − r)·ln(1 − r).
    pixels = 10**11
    counts = np.array([[round(pixels * (1 - rate)), 0], [0, round(pixels * rate)]])
    scores = error_ranking(counts)
    assert scores["aurc"] == pytest.approx(rate + (1 - rate) * math.log(1 - rate), rel=1e-9)
    assert scores["aurc"] == scores["aurc_perfect"]
    assert scores["auroc"] == 1


def test_scene_of_which_everything_is_known() -> None:
    truth = np.array([[0, 0, 0, 1, 1, 255]])
    guess = np.array([[0, 0, 1, 1, 0, 0]])
    hardness = np.array([[0.0, 0.1, 0.9, 0.5, 0.3, 1.0]])
    counts = error_histogram(hardness, guess, truth, 2)
    scores = error_ranking(counts)
    # By hardness: right, right, wrong, right, wrong. 5 of 6 pairs of a wrong and a right pixel are in order.
    assert scores["auroc"] == pytest.approx(5 / 6)
    assert scores["aurc"] == pytest.approx((0 + 0 + 1 / 3 + 1 / 4 + 2 / 5) / 5)
    assert scores["aurc_perfect"] == pytest.approx((1 / 4 + 2 / 5) / 5)
    np.testing.assert_allclose(risk_at_coverage(counts, np.array([0.4, 0.6, 1.0])), [0, 1 / 3, 2 / 5])


def test_half_of_a_tied_value_has_its_mean_share_of_errors() -> None:
    counts = np.array([[2, 1], [0, 3]])
    np.testing.assert_allclose(risk_at_coverage(counts, np.array([4 / 6])), [(2 * 3 / 4) / 4])


@given(maps())
def test_a_confidence_read_from_the_other_end_is_a_hardness(drawing: Maps) -> None:
    values, guess, truth, _ = drawing
    hardness = error_histogram(values, guess, truth, CLASSES)
    confidence = error_histogram(65535 - values, guess, truth, CLASSES)
    np.testing.assert_array_equal(confidence[:, ::-1], hardness)


@given(maps(), st.data())
def test_parts_of_a_set_add_up_to_the_whole(drawing: Maps, data: st.DataObject) -> None:
    parts = [error_histogram(*(m[rows] for m in drawing[:3]), CLASSES) for rows in in_parts(len(drawing.target), data)]
    np.testing.assert_array_equal(sum(parts), error_histogram(*drawing[:3], CLASSES))


def test_no_pixel_has_no_scores() -> None:
    counts = error_histogram(np.full((2, 3), np.nan), np.zeros((2, 3), int), np.full((2, 3), 255), 2)
    assert counts.sum() == 0
    scores = error_ranking(counts)
    assert set(scores) == KEYS
    assert all(math.isnan(value) for value in scores.values())
    assert np.isnan(risk_at_coverage(counts, np.array([0.5]))).all()


@pytest.mark.parametrize("wrong", [False, True])
def test_one_kind_of_pixel_has_an_area_but_no_auroc(wrong: bool) -> None:
    scores = error_ranking(histogram_of([(3, wrong), (9, wrong)]))
    assert math.isnan(scores["auroc"])
    assert scores["aurc"] == scores["aurc_perfect"] == scores["aurc_random"] == float(wrong)


@pytest.mark.parametrize("coverage", [0.0, -0.1, 1.1, math.nan])
def test_a_coverage_outside_is_refused(coverage: float) -> None:
    with pytest.raises(ValueError, match="above 0 and up to 1"):
        risk_at_coverage(np.ones((2, 3), dtype=int), np.array([0.5, coverage]))


def test_metric_over_batches_is_the_function_over_images() -> None:
    rng = np.random.default_rng(1)
    values = torch.tensor(rng.random((5, 4, 6)), dtype=torch.float32)
    guess, truth = torch.tensor(rng.integers(0, 3, (2, 5, 4, 6)))
    truth[torch.tensor(rng.random((5, 4, 6)) < 0.2)] = 255
    metric = ErrorRanking(3)
    for part in ([0], [1, 2, 3], [4]):
        metric.update(values[part], guess[part], truth[part])
    counts = sum(error_histogram(*(m.numpy() for m in image), 3) for image in zip(values, guess, truth, strict=True))
    expected = error_ranking(counts)
    found = metric.compute()
    assert {name: value.item() for name, value in found.items()} == expected
    assert all(value.dtype == torch.float64 and value.ndim == 0 for value in found.values())
    valid = truth != 255
    quantised = (values * 65535).round()
    assert found["auroc"].item() == pytest.approx(auroc(quantised[valid], (guess != truth)[valid]))
