"""Scores from counts, against scikit-learn and loops."""

import math

import numpy as np
import pytest
import sklearn.metrics
import torch
from hypothesis import given
from hypothesis import strategies as st

from hardpix.metrics import (
    class_accuracy,
    class_dice,
    class_iou,
    class_precision,
    confusion_matrix,
    frequency_weighted_iou,
    mean_accuracy,
    mean_dice,
    mean_iou,
    pixel_accuracy,
)

CLASSES = 4
pixels = st.lists(
    st.tuples(st.integers(0, CLASSES - 1), st.sampled_from([*range(CLASSES), 255])), min_size=1, max_size=60
)


@given(pixels)
def test_confusion_is_that_of_scikit_learn_on_labelled_pixels(pairs: list[tuple[int, int]]) -> None:
    guess, truth = np.array(pairs).T
    labelled = truth != 255
    expected = np.zeros((CLASSES, CLASSES), dtype=int)
    if labelled.any():
        expected = sklearn.metrics.confusion_matrix(truth[labelled], guess[labelled], labels=range(CLASSES))
    found = confusion_matrix(torch.tensor(guess), torch.tensor(truth), CLASSES)
    assert found.dtype == torch.int64
    np.testing.assert_array_equal(found.numpy(), expected)


@given(pixels)
def test_scores_are_those_of_scikit_learn_and_absent_classes_have_none(pairs: list[tuple[int, int]]) -> None:
    guess, truth = np.array(pairs).T
    confusion = confusion_matrix(torch.tensor(guess), torch.tensor(truth), CLASSES)
    labelled = truth != 255
    guess, truth = guess[labelled], truth[labelled]
    expected = []
    for k in range(CLASSES):
        there = k in truth or k in guess
        expected.append(sklearn.metrics.jaccard_score(truth == k, guess == k, zero_division=0) if there else math.nan)
    np.testing.assert_allclose(class_iou(confusion).numpy(), expected)
    if len(truth):
        assert mean_iou(confusion).item() == pytest.approx(np.nanmean(expected))
        assert pixel_accuracy(confusion).item() == pytest.approx(sklearn.metrics.accuracy_score(truth, guess))
    else:
        assert mean_iou(confusion).isnan()
        assert pixel_accuracy(confusion).isnan()


@given(pixels)
def test_accuracies_precisions_and_dice_are_those_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    """A class without a true or a predicted pixel, or without both, has scores without a denominator: left out."""
    guess, truth = np.array(pairs).T
    confusion = confusion_matrix(torch.tensor(guess), torch.tensor(truth), CLASSES)
    guess, truth = guess[truth != 255], truth[truth != 255]
    if not len(truth):
        assert all(
            score(confusion).isnan().all()
            for score in (class_accuracy, mean_accuracy, class_precision, class_dice, mean_dice, frequency_weighted_iou)
        )
        return
    settings = {"labels": range(CLASSES), "average": None, "zero_division": math.nan}
    recalls = sklearn.metrics.recall_score(truth, guess, **settings)
    dice = sklearn.metrics.f1_score(truth, guess, **settings)
    np.testing.assert_allclose(class_accuracy(confusion).numpy(), recalls)
    np.testing.assert_allclose(
        class_precision(confusion).numpy(), sklearn.metrics.precision_score(truth, guess, **settings)
    )
    np.testing.assert_allclose(class_dice(confusion).numpy(), dice)
    assert mean_accuracy(confusion).item() == pytest.approx(np.nanmean(recalls))
    assert mean_dice(confusion).item() == pytest.approx(np.nanmean(dice))
    weighted = sklearn.metrics.jaccard_score(truth, guess, average="weighted", zero_division=0)
    assert frequency_weighted_iou(confusion).item() == pytest.approx(weighted)


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (2, 4, 1, 3)])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64])
def test_any_shape_and_integer_type(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    truth = (torch.arange(math.prod(shape)) % CLASSES).reshape(shape).to(dtype)
    found = confusion_matrix(truth, truth, CLASSES)
    assert found.sum() == math.prod(shape)
    assert found.diagonal().sum() == math.prod(shape)


def test_ignored_pixels_may_hold_any_prediction_and_a_negative_ignore_index_works() -> None:
    truth = torch.tensor([0, -100, 1])
    assert confusion_matrix(torch.tensor([0, 77, 0]), truth, 2, ignore_index=-100).tolist() == [[1, 0], [1, 0]]


def test_counts_beyond_float32_stay_exact() -> None:
    confusion = torch.tensor([[2**24 + 1, 0], [0, 2**24 + 1]])
    confusion[0, 1] = 1
    assert class_iou(confusion)[0].item() == (2**24 + 1) / (2**24 + 2)


@pytest.mark.parametrize(
    ("guess", "truth", "named"),
    [([0, 2], [0, 1], "prediction"), ([0, 1], [0, 2], "target"), ([-1, 1], [0, 1], "prediction")],
)
def test_foreign_ids_are_refused(guess: list[int], truth: list[int], named: str) -> None:
    with pytest.raises(ValueError, match=f"expected ids from 0 to 1 in {named}"):
        confusion_matrix(torch.tensor(guess), torch.tensor(truth), 2)


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="one shape"):
        confusion_matrix(torch.zeros(2, 3), torch.zeros(3, 2), 2)
