"""Estimators on numbers worked out by hand, on labels drawn from known probabilities, and where little is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hardpix.estimators import (
    Agreement,
    DifferenceOfConfidence,
    Estimator,
    Evidence,
    ExpectedConfusion,
    LearnedHardness,
    ThresholdedConfidence,
    confidence_bins,
    count_pixels,
    expected_quality,
    quality_of,
    with_errors_split,
)
from hardpix.estimators.quality import missed_share
from hardpix.estimators.thresholded_confidence import share_above

from .simulated import images, without_labels

EVERY: list[Estimator] = [
    ThresholdedConfidence(),
    DifferenceOfConfidence(),
    ExpectedConfusion(),
    LearnedHardness(),
    Agreement(),
]


def accuracy(confusion: np.ndarray) -> float:
    return float(np.trace(confusion) / confusion.sum())


def exact_threshold(scores: np.ndarray, right: np.ndarray) -> float:
    """Threshold below which as many labeled scores lie as are wrong, by trying each place between two scores."""
    ordered = np.sort(scores)
    places = [-np.inf, *((ordered[1:] + ordered[:-1]) / 2), np.inf]
    return places[int(np.argmin([abs((scores < place).sum() - (~right).sum()) for place in places]))]


def test_the_threshold_of_four_pixels() -> None:
    """Right, right, wrong, wrong: two lie above, where counting the pixel at the threshold as above gives three."""
    scores, right = np.array([0.9, 0.8, 0.6, 0.4]), np.array([True, True, False, False])
    assert 0.6 < exact_threshold(scores, right) <= 0.8
    levels = np.zeros((1, 64), dtype=np.int64)
    levels[0, (64 * scores).astype(int)] = 1
    shares = share_above(levels, levels * (np.arange(64) >= 48))
    assert (levels * shares).sum() == 2


def test_with_a_bin_for_every_score_the_threshold_is_the_exact_one() -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        bins = rng.permutation(64)[:40]
        right = rng.random(40) < rng.random()
        levels, hits = np.zeros((2, 1, 64), dtype=np.int64)
        levels[0, bins], hits[0, bins] = 1, right
        others = rng.integers(0, 64, 100)
        expected = (others > exact_threshold(bins, right)).sum()
        found = (np.bincount(others, minlength=64) * share_above(levels, hits)[0]).sum()
        # A threshold between two scores that are more than a bin apart has no place of its own within the gap.
        gap = np.diff(np.sort(bins)).max() if 0 < right.sum() < 40 else 64
        assert abs(found - expected) <= (np.bincount(others, minlength=64).max() * gap)
        assert (levels * share_above(levels, hits)).sum() == right.sum()


@pytest.mark.parametrize("estimator", [ThresholdedConfidence(), DifferenceOfConfidence(), LearnedHardness()])
def test_on_the_labeled_images_themselves_the_accuracy_of_each_class_is_theirs(estimator: Estimator) -> None:
    seen = images(np.random.default_rng(2), 6, temperature=2.0, side=80).total()
    found = estimator.fit(seen)(without_labels(seen))
    assert seen.confusion is not None
    # Hardness leans a little on all classes together, and rises where the share of right pixels may not.
    tolerance = 0.02 if isinstance(estimator, LearnedHardness) else 1e-9
    np.testing.assert_allclose(
        np.diagonal(found) / found.sum(0), np.diagonal(seen.confusion) / seen.predicted, atol=tolerance
    )
    if tolerance < 0.02:
        np.testing.assert_allclose(found, seen.confusion, atol=1e-6)


def test_expected_counts_of_three_pixels() -> None:
    shares = torch.tensor([[0.9, 0.6, 0.3], [0.1, 0.4, 0.7]]).reshape(2, 1, 3)
    given = count_pixels(shares.log(), confidence_bins(shares.log()))
    found = ExpectedConfusion().fit(given)(given)
    np.testing.assert_allclose(found, [[1.5, 0.3], [0.5, 0.7]], atol=1e-6)
    scores = quality_of(found)
    np.testing.assert_allclose([scores.accuracy, *scores.iou], [2.2 / 3, 1.5 / 2.3, 0.7 / 1.5], atol=1e-6)


def test_expected_counts_are_unbiased_where_probabilities_are_calibrated() -> None:
    seen = images(np.random.default_rng(0), 40, side=100).total()
    assert seen.confusion is not None
    found = ExpectedConfusion().fit(seen)(without_labels(seen))
    # Counts of 400,000 pixels: four standard deviations of a binomial at most.
    assert np.abs(found - seen.confusion).max() < 4 * np.sqrt(seen.confusion.max() / 4)
    np.testing.assert_allclose(quality_of(found).iou, quality_of(seen.confusion).iou, atol=0.01)


def test_one_hot_probabilities_have_an_expected_iou_of_one() -> None:
    logits = torch.zeros(2, 1, 4)
    logits[0, 0, :2] = logits[1, 0, 2:] = 500
    given = count_pixels(logits, confidence_bins(logits))
    assert quality_of(ExpectedConfusion().fit(given)(given)).iou.tolist() == [1, 1]


def test_confidence_that_falls_is_accuracy_that_falls() -> None:
    levels = np.full((1, 64), 100)
    seen = Evidence(levels, np.array([[0.9 * 6400]]), levels * 8 // 10, np.array([[6400]]))
    for confidence, expected in ((0.9, 0.8), (0.7, 0.6), (0.05, 0.0)):
        found = DifferenceOfConfidence().fit(seen)(Evidence(levels, np.array([[confidence * 6400]])))
        np.testing.assert_allclose(found, [[expected * 6400]])


@pytest.mark.parametrize("estimator", [LearnedHardness(), Agreement()])
def test_pixels_are_right_as_often_as_labeled_ones_of_their_bin(estimator: Estimator) -> None:
    rng = np.random.default_rng(0)
    number = estimator.bin_count
    rates = np.sort(rng.random((2, number)), axis=1)
    levels = np.full((2, number), 10**8)
    right = np.round(rates * levels).astype(np.int64)
    confusion = np.diag(right.sum(1))
    confusion[1, 0], confusion[0, 1] = (levels - right).sum(1)
    fitted = estimator.fit(Evidence(levels, confusion.astype(float), right, confusion))
    other = rng.integers(0, 50, (2, number))
    by_loop = [sum(other[j, b] * rates[j, b] for b in range(number)) for j in range(2)]
    np.testing.assert_allclose(np.diagonal(fitted(Evidence(other, np.eye(2)))), by_loop, rtol=1e-3)


def test_two_equal_networks_agree_and_the_accuracy_is_that_of_the_labeled_images() -> None:
    levels = np.array([[0, 10**7]])
    seen = Evidence(levels, np.array([[1e7]]), levels * 7 // 10, np.array([[10**7]]))
    assert Agreement().fit(seen)(Evidence(np.array([[0, 10]]), np.eye(1))).tolist() == [[pytest.approx(7)]]


@pytest.mark.parametrize("estimator", EVERY, ids=lambda each: type(each).__name__)
def test_images_at_once_are_images_one_by_one_and_every_pixel_is_somewhere(estimator: Estimator) -> None:
    seen = images(np.random.default_rng(4), 5)
    if estimator.score == "agreement":
        folded = [part.reshape(5, 4, 2, 32).sum(-1) for part in (seen.levels, seen.right)]
        seen = Evidence(folded[0], seen.expected, folded[1], seen.confusion)
    fitted = estimator.fit(seen.total())
    together = fitted(without_labels(seen))
    for k in range(5):
        np.testing.assert_allclose(together[k], fitted(without_labels(seen.take(np.array(k)))), rtol=1e-12)
    np.testing.assert_allclose(together.sum(1), seen.predicted, rtol=1e-5)
    assert together.min() >= 0


@pytest.mark.parametrize("estimator", EVERY[:4], ids=lambda each: type(each).__name__)
def test_a_network_that_is_sure_of_everything(estimator: Estimator) -> None:
    """All scores lie in one bin: nothing tells right from wrong, and the accuracy is that of the labeled images."""
    rng = np.random.default_rng(0)
    predicted, target = torch.from_numpy(rng.integers(0, 2, (2, 50, 50)))
    logits = 1000.0 * torch.nn.functional.one_hot(predicted, 2).movedim(-1, 0).float()
    seen = count_pixels(logits, confidence_bins(logits), target)
    assert (seen.levels[:, :-1] == 0).all()
    assert seen.confusion is not None
    found = accuracy(estimator.fit(seen)(without_labels(seen)))
    # Probabilities of 1 are all that the expected confusion has to go by.
    expected = 1.0 if isinstance(estimator, ExpectedConfusion) else accuracy(seen.confusion)
    assert found == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("estimator", EVERY[:4], ids=lambda each: type(each).__name__)
def test_a_class_that_no_labeled_image_has_takes_the_accuracy_of_all(estimator: Estimator) -> None:
    levels, right = np.zeros((2, 3, 64), dtype=np.int64)
    levels[:2, 40], right[:2, 40] = 10**6, 600_000
    confusion = np.array([[600_000, 400_000, 0], [400_000, 600_000, 0], [0, 0, 0]])
    seen = Evidence(levels, confusion.astype(float), right, confusion)
    given = np.zeros((3, 64), dtype=np.int64)
    given[2, 40] = 10
    expected = np.zeros((3, 3))
    expected[:, 2] = [2, 2, 6]
    found = estimator.fit(seen)(Evidence(given, expected))
    np.testing.assert_allclose(found[:, 2], [2, 2, 6], atol=1e-6)
    assert np.isfinite(found).all()


def test_errors_are_spread_as_those_of_the_labeled_images() -> None:
    seen = np.array([[50, 3, 0], [1, 40, 0], [9, 0, 0]])
    found = with_errors_split(np.array([8.0, 5.0, 1.0]), np.array([18, 5, 3]), seen)
    # No labeled pixel was predicted as the last class: its errors go by the labels, 53 to 41.
    expected = [[8, 0, 2 * 53 / 94], [1, 5, 2 * 41 / 94], [9, 0, 1]]
    np.testing.assert_allclose(found, expected)
    np.testing.assert_allclose(with_errors_split(np.ones(1), np.ones(1), np.zeros((1, 1))), [[1]])


def test_scores_are_those_of_the_metrics() -> None:
    from hardpix.metrics import class_iou, mean_iou

    rng = np.random.default_rng(0)
    confusion = rng.integers(0, 9, (5, 4, 4))
    confusion[:, 2], confusion[:, :, 2] = 0, 0
    found = quality_of(confusion)
    for k in range(5):
        counts = torch.from_numpy(confusion[k])
        np.testing.assert_allclose(found.iou[k], class_iou(counts))
        assert found.miou[k] == pytest.approx(float(mean_iou(counts)))
        assert found.accuracy[k] == pytest.approx(accuracy(confusion[k]))
    assert np.isnan(quality_of(np.zeros((2, 2))).miou)


def test_a_class_that_is_missed_in_every_other_image_counts_half() -> None:
    """Mean over drawings of whether the class is there is the weighted mean, to the first order."""
    confusion = np.array([[8.0, 0, 1e-9], [0, 6.0, 0], [2.0, 0, 0]])
    found = expected_quality(confusion, np.array([10, 6, 0]), np.array([0.9, 0.9, 0.5]))
    assert found.miou == pytest.approx((0.8 + 1) / 2.5)
    assert np.isnan(found.iou[2])
    known = expected_quality(confusion, np.array([10, 6, 0]), np.zeros(3), np.array([True, False, True]))
    assert known.miou == pytest.approx(0.8)
    nothing = expected_quality(confusion, np.zeros(3, dtype=int), np.ones(3))
    assert np.isnan(nothing.miou)


def test_missed_classes_are_counted_by_image() -> None:
    rng = np.random.default_rng(0)
    confusion = rng.integers(0, 3, (30, 3, 3)) * (rng.random((30, 3, 3)) < 0.3)
    found = missed_share(confusion.sum(1), confusion)
    for k in range(3):
        there = [bool(each[k].sum()) for each in confusion if not each[:, k].sum()]
        assert found[k] == pytest.approx(sum(there) / len(there))
