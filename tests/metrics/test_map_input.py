"""Input that the metrics of maps and probabilities take and refuse, each in the same way."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from hardpix.metrics import (
    Calibration,
    ClasswiseCalibration,
    ConfidentJoint,
    ErrorRanking,
    HardnessDeciles,
    SelfConfidence,
    classwise_calibration_counts,
    error_histogram,
    find_label_suspects,
    hardness_counts,
    self_confidence_counts,
)

CLASSES = 3
RNG = np.random.default_rng(0)
TRUTH = RNG.choice([0, 1, 2, 255], (40, 9))
GUESS = RNG.integers(0, CLASSES, TRUTH.shape)
VALUES = RNG.integers(0, 256, TRUTH.shape).astype(np.uint8)
PROBABILITIES = RNG.integers(0, 256, (CLASSES, *TRUTH.shape)).astype(np.uint8)

Counts = Callable[..., np.ndarray]
of_pairs = pytest.mark.parametrize("count", [error_histogram, hardness_counts])


def suspects(probabilities: np.ndarray, target: np.ndarray, ignore_index: int = 255) -> np.ndarray:
    return find_label_suspects(
        probabilities, target, np.full(len(probabilities), 0.5), ignore_index, tolerance=1
    ).counts


of_probabilities = pytest.mark.parametrize("count", [classwise_calibration_counts, self_confidence_counts, suspects])


@of_pairs
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int64])
def test_labels_of_any_integer_type(count: Counts, kind: type) -> None:
    expected = count(VALUES, GUESS, TRUTH, CLASSES)
    assert expected.sum() > 0
    np.testing.assert_array_equal(count(VALUES, GUESS.astype(kind), TRUTH.astype(kind), CLASSES), expected)


@of_pairs
def test_other_marks_of_unlabelled_pixels_and_what_is_predicted_there(count: Counts) -> None:
    unlabelled = TRUTH == 255
    guess = np.where(unlabelled, 77, GUESS)
    for mark in (-100, 3, 254, 65535):
        truth = np.where(unlabelled, mark, TRUTH)
        expected = count(VALUES, GUESS, TRUTH, CLASSES)
        np.testing.assert_array_equal(count(VALUES, guess, truth, CLASSES, ignore_index=mark), expected)


@of_pairs
def test_a_class_may_be_the_ignored_one(count: Counts) -> None:
    found = count(VALUES, GUESS, TRUTH.clip(0, 2), CLASSES, ignore_index=1)
    expected = count(VALUES, GUESS, np.where(TRUTH == 1, 255, TRUTH.clip(0, 2)), CLASSES)
    np.testing.assert_array_equal(found, expected)


@of_pairs
def test_more_than_255_classes(count: Counts) -> None:
    expected = count(VALUES, GUESS, TRUTH, CLASSES)
    truth = np.where(TRUTH == 255, -1, TRUTH + 255)
    found = count(VALUES, GUESS + 255, truth, 258, ignore_index=-1)
    assert found.sum() == expected.sum()
    np.testing.assert_array_equal(found[..., 255:] if count is hardness_counts else found, expected)


@of_pairs
def test_maps_of_any_type_are_counted_in_16_bits(count: Counts) -> None:
    expected = count(VALUES.astype(np.uint16) * 257, GUESS, TRUTH, CLASSES)
    for values in (VALUES, VALUES / 255, (VALUES / 255).astype(np.float32)):
        np.testing.assert_array_equal(count(values, GUESS, TRUTH, CLASSES), expected)
    halves = (VALUES / 255).astype(np.float16)
    rounded = np.rint(halves.astype(np.float64) * 65535).astype(np.uint16)
    np.testing.assert_array_equal(count(halves, GUESS, TRUTH, CLASSES), count(rounded, GUESS, TRUTH, CLASSES))


@of_pairs
def test_floats_hold_anything_where_nothing_is_labelled_and_may_leave_0_to_1_by_rounding(count: Counts) -> None:
    values = np.where(TRUTH == 255, np.nan, VALUES / 255)
    stored = VALUES.copy()
    stored[3:5], values[3], values[4] = np.array([[255], [0]]), 1.0009, -0.0009
    np.testing.assert_array_equal(count(values, GUESS, TRUTH, CLASSES), count(stored, GUESS, TRUTH, CLASSES))


@of_pairs
@pytest.mark.parametrize("number", [np.nan, 1.01, -0.01, np.inf])
def test_floats_outside_are_refused(count: Counts, number: float) -> None:
    values = VALUES / 255
    values[TRUTH == 1] = number
    with pytest.raises(ValueError, match="expected numbers from 0 to 1"):
        count(values, GUESS, TRUTH, CLASSES)


@of_pairs
@pytest.mark.parametrize("kind", [np.int64, np.uint32, bool])
def test_maps_whose_scale_is_unknown_are_refused(count: Counts, kind: type) -> None:
    with pytest.raises(ValueError, match="expected floats from 0 to 1, uint8"):
        count(VALUES.astype(kind), GUESS, TRUTH, CLASSES)


@of_pairs
@pytest.mark.parametrize(("guess", "truth"), [(0, CLASSES), (0, -1), (CLASSES, 0), (-1, 0), (300, 2)])
def test_ids_outside_the_classes_are_refused(count: Counts, guess: int, truth: int) -> None:
    prediction, target = GUESS.copy(), TRUTH.copy()
    prediction[3, 4], target[3, 4] = guess, truth
    with pytest.raises(ValueError, match=r"expected ids from 0 to 2 .* found others in 1 pixels"):
        count(VALUES, prediction, target, CLASSES)


@of_pairs
def test_maps_that_do_not_fit_are_refused(count: Counts) -> None:
    with pytest.raises(ValueError, match=r"one shape, found \(40, 9\) and \(40, 8\)"):
        count(VALUES, GUESS, TRUTH[:, :8], CLASSES)
    with pytest.raises(ValueError, match=r"one shape, found \(40, 8\) and \(40, 9\)"):
        count(VALUES[:, :8], GUESS, TRUTH, CLASSES)
    with pytest.raises(ValueError, match=r"the maps of one image, \(H, W\) .* found \(1, 40, 9\)"):
        count(VALUES[None], GUESS[None], TRUTH[None], CLASSES)
    with pytest.raises(ValueError, match="expected integer class ids in target, found float64"):
        count(VALUES, GUESS, TRUTH.astype(float), CLASSES)
    with pytest.raises(ValueError, match="from 1 to 65535 classes"):
        count(VALUES, GUESS, TRUTH, 65536)


@of_probabilities
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int64])
def test_given_labels_of_any_integer_type(count: Counts, kind: type) -> None:
    expected = count(PROBABILITIES, TRUTH)
    assert expected.sum() > 0
    np.testing.assert_array_equal(count(PROBABILITIES, TRUTH.astype(kind)), expected)
    marked = np.where(TRUTH == 255, -100, TRUTH)
    np.testing.assert_array_equal(count(PROBABILITIES, marked, ignore_index=-100), expected)


@of_probabilities
def test_probabilities_that_do_not_fit_are_refused(count: Counts) -> None:
    with pytest.raises(ValueError, match=r"found \(3, 40, 8\) and \(40, 9\)"):
        count(PROBABILITIES[..., :8], TRUTH)
    with pytest.raises(ValueError, match=r"found \(40, 9\) and \(40, 9\)"):
        count(PROBABILITIES[0], TRUTH)
    with pytest.raises(ValueError, match="floats, uint8 or uint16, found int64"):
        count(PROBABILITIES.astype(np.int64), TRUTH)
    with pytest.raises(ValueError, match=r"expected ids from 0 to 1 .* found others in"):
        count(PROBABILITIES[:2], TRUTH)


@of_probabilities
@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_logits_are_refused(count: Counts, kind: type) -> None:
    logits = ((PROBABILITIES.astype(np.float64) - 100) / 10).astype(kind)
    with pytest.raises(ValueError, match="are these logits"):
        count(logits, TRUTH)


BATCH = torch.rand(2, 4, 5), torch.zeros(2, 4, 5, dtype=torch.long), torch.zeros(2, 4, 5, dtype=torch.long)


@pytest.mark.parametrize(
    "metric", [ErrorRanking(2), HardnessDeciles(2), Calibration(2)], ids=lambda m: type(m).__name__
)
def test_metrics_of_maps_take_what_a_network_gives_and_refuse_what_does_not_fit(metric) -> None:  # type: ignore[no-untyped-def]
    confidence, guess, truth = BATCH
    for values in (confidence.requires_grad_(), confidence.bfloat16(), torch.ones(2, 4, 5, dtype=torch.uint16)):
        metric.update(values, guess, truth)
    with pytest.raises(ValueError, match=r"found \(2, 4, 5\) and \(2, 4, 5\) and \(1, 4, 5\)"):
        metric.update(confidence, guess, truth[:1])
    with pytest.raises(ValueError, match="one batch, height and width"):
        metric.update(confidence[0], guess[0], truth[0])


@pytest.mark.parametrize(
    "metric",
    [SelfConfidence(2), ConfidentJoint([0.5, 0.5]), ClasswiseCalibration(2)],
    ids=lambda m: type(m).__name__,
)
def test_metrics_of_probabilities_take_what_a_network_gives_and_refuse_what_does_not_fit(metric) -> None:  # type: ignore[no-untyped-def]
    probabilities = torch.randn(2, 2, 4, 5).softmax(1)
    truth = torch.zeros(2, 4, 5, dtype=torch.long)
    for values in (probabilities.requires_grad_(), probabilities.bfloat16(), (probabilities * 255).to(torch.uint8)):
        metric.update(values, truth)
    with pytest.raises(ValueError, match="one batch, height and width"):
        metric.update(probabilities, truth[:, :3])
    with pytest.raises(ValueError, match="probabilities"):
        metric.update(probabilities[:, 0], truth)


@pytest.mark.parametrize(
    "metric", [ErrorRanking(2), HardnessDeciles(2), Calibration(2)], ids=lambda m: type(m).__name__
)
def test_a_refused_batch_leaves_nothing_behind(metric) -> None:  # type: ignore[no-untyped-def]
    confidence, guess, truth = BATCH
    foreign = truth.clone()
    foreign[1, 0, 0] = 2
    with pytest.raises(ValueError, match="found others in 1 pixels"):
        metric.update(confidence, guess, foreign)
    assert all(state.sum() == 0 for state in metric.metric_state.values())
