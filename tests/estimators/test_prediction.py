"""Intervals hold the truth as often as they say on simulated images; the same drawings every time; what refuses."""

from __future__ import annotations

import numpy as np
import pytest

from hardpix.estimators import Evidence, Predictor, ThresholdedConfidence, coverage, quality_of, score_of
from hardpix.estimators.reasons import main_reason

from .simulated import images, without_labels


def test_intervals_of_sets_and_images_hold_nine_in_ten() -> None:
    """Twenty-five worlds: 30 labeled images, 40 others of their kind, whose truth is known."""
    rng = np.random.default_rng(0)
    sets, classes, single = [], [], []
    for _ in range(25):
        predictor = Predictor(ThresholdedConfidence(), images(rng, 30, temperature=1.6))
        others = images(rng, 40, temperature=1.6)
        assert others.confusion is not None
        whole, each = predictor.whole(without_labels(others.total()), 40), predictor.images(without_labels(others))
        true, of_images = quality_of(others.confusion.sum(0)), quality_of(others.confusion)
        sets.append(
            [whole.low.miou <= true.miou <= whole.high.miou, whole.low.accuracy <= true.accuracy <= whole.high.accuracy]
        )
        classes.append(coverage(true.iou, whole.low.iou, whole.high.iou))
        single.append(coverage(of_images.miou, each.low.miou, each.high.miou))
    # 25 drawings of 90 % have a standard deviation of 6 points; images are 1,000.
    assert 0.78 <= np.mean(sets) <= 1
    assert 0.8 <= np.mean(classes) <= 0.98
    assert 0.86 <= np.mean(single) <= 0.95


def test_intervals_are_narrower_with_more_images() -> None:
    seen = images(np.random.default_rng(0), 40, temperature=1.6)
    predictor = Predictor(ThresholdedConfidence(), seen)
    widths = []
    for count in (1, 10, 100):
        found = predictor.whole(without_labels(seen.total()), count)
        widths.append(float(found.high.miou - found.low.miou))
    assert widths[0] > 1.8 * widths[1] > 1.8 * widths[2] > 0


def test_the_same_seed_gives_the_same_intervals() -> None:
    seen = images(np.random.default_rng(0), 8)
    first, second, other = (Predictor(ThresholdedConfidence(), seen, seed).images(seen) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.low.miou, second.low.miou)
    assert (first.low.miou != other.low.miou).any()
    np.testing.assert_array_equal(first.scores.miou, other.scores.miou)


def test_a_single_labeled_image_gives_a_prediction_and_no_interval() -> None:
    seen = images(np.random.default_rng(0), 1)
    predictor = Predictor(ThresholdedConfidence(), seen)
    for found in (predictor.images(without_labels(seen)), predictor.whole(without_labels(seen.total()), 1)):
        assert np.isfinite(found.scores.miou).all()
        assert np.isnan(found.low.miou).all()
        assert np.isnan(found.high.accuracy).all()


def test_without_a_labeled_pixel_there_is_nothing_to_learn_from() -> None:
    seen = images(np.random.default_rng(0), 2)
    for labels in ({}, {"right": np.zeros_like(seen.levels), "confusion": np.zeros((2, 4, 4), dtype=np.int64)}):
        with pytest.raises(ValueError, match="found no labeled pixel"):
            Predictor(ThresholdedConfidence(), Evidence(np.zeros_like(seen.levels), seen.expected, **labels))


def test_a_class_that_no_labeled_image_has_is_not_known() -> None:
    seen = images(np.random.default_rng(0), 6)
    assert seen.confusion is not None
    assert seen.right is not None
    confusion, right = seen.confusion.copy(), seen.right.copy()
    confusion[:, 3], right[:, 3] = 0, 0
    found = Predictor(ThresholdedConfidence(), Evidence(seen.levels, seen.expected, right, confusion)).whole(
        without_labels(seen.total()), 6
    )
    assert np.isnan(found.scores.iou[3])
    assert np.isnan(found.low.iou[3])
    assert found.scores.miou == pytest.approx(np.mean(found.scores.iou[:3]))


def test_a_class_that_a_set_never_predicts_counts_as_often_as_it_is_missed() -> None:
    """One in two labeled images has it and none predicts it: in one image it counts half, in two 3/4."""
    rng = np.random.default_rng(0)
    levels, right = np.zeros((10, 2, 64), dtype=np.int64), np.zeros((10, 2, 64), dtype=np.int64)
    confusion = np.zeros((10, 2, 2), dtype=np.int64)
    levels[:, 0, 40], right[:, 0, 40], right[::2, 0, 40] = 100, 100, 80
    confusion[:, 0, 0], confusion[:, 1, 0] = right.sum((1, 2)), 100 - right.sum((1, 2))
    seen = Evidence(levels, rng.random((10, 2, 2)), right, confusion)
    predictor = Predictor(ThresholdedConfidence(), seen)
    for count, chance in ((1, 0.5), (2, 0.75)):
        found = predictor.whole(without_labels(seen.take(np.arange(count)).total()), count).scores
        assert found.miou == pytest.approx(found.iou[0] / (1 + chance))


def test_scores_against_the_truth_are_differences() -> None:
    rng = np.random.default_rng(1)
    predictor, others = Predictor(ThresholdedConfidence(), images(rng, 20)), images(rng, 15)
    assert others.confusion is not None
    whole, each = predictor.whole(without_labels(others.total()), 15), predictor.images(without_labels(others))
    true, of_images = quality_of(others.confusion.sum(0)), quality_of(others.confusion)
    found = score_of(whole, each, true, of_images)
    assert found["miou_error"] == whole.scores.miou - true.miou
    assert found["class_iou_error"] == pytest.approx(np.mean(np.abs(whole.scores.iou - true.iou)))
    assert found["image_miou_error"] == pytest.approx(np.mean(np.abs(each.scores.miou - of_images.miou)))
    assert abs(found["miou_error"]) < 0.05
    assert found["rank_correlation"] > 0.7


def test_the_main_reason_is_the_class_furthest_below_the_set() -> None:
    """Missed pixels where they are more than wrong ones, by the class that has most of them."""
    confusion = np.array([[50.0, 0, 0], [30, 20, 10], [0, 5, 40]])
    iou, usual = quality_of(confusion).iou, np.array([0.6, 0.9, 0.8])
    expected = "pole: IoU 30.8 % (set: 90 %), 66.7 % of its pixels missed, mostly labeled as road"
    assert main_reason(confusion, iou, usual, ["road", "pole", "tree"]) == expected
    turned = "pole: IoU 30.8 % (set: 90 %), 66.7 % of what is labeled so wrong, mostly road"
    assert main_reason(confusion.T, iou, usual, ["road", "pole", "tree"]) == turned
    unknown = main_reason(confusion, np.full(3, np.nan), usual, ["road", "pole", "tree"])
    assert unknown == "no class is below its IoU in the set"
