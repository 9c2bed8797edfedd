"""Boundary F-score against distance transforms of single classes, and scenes with a known answer."""

import numpy as np
import pytest
import scipy.ndimage
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from hardpix.metrics import boundary_f_counts, boundary_f_scores

from .drawn_maps import CLASSES, IGNORED, pairs, windows


def boundary_by_loops(labels: np.ndarray, target: np.ndarray) -> np.ndarray:
    boundary = np.zeros(target.shape, dtype=bool)
    for place, window in windows(target.shape, 1):
        seen = {labels[other] for other in window if target[other] != IGNORED}
        boundary[place] = target[place] != IGNORED and len(seen) > 1
    return boundary


@given(pairs(), st.lists(st.integers(1, 6), min_size=1, max_size=3))
def test_counts_are_those_of_distance_transforms(maps: tuple[np.ndarray, np.ndarray], tolerances: list[int]) -> None:
    prediction, target = maps
    counts = boundary_f_counts(prediction, target, CLASSES, tolerances=tolerances)
    edges = [(boundary_by_loops(labels, target), labels) for labels in (prediction, target)]
    for k in range(CLASSES):
        predicted, true = (boundary & (labels == k) for boundary, labels in edges)
        for first, (own, other) in ((0, (predicted, true)), (2, (true, predicted))):
            distance = scipy.ndimage.distance_transform_edt(~other) if other.any() else np.full(own.shape, np.inf)
            for place, tolerance in enumerate(tolerances):
                assert counts[first, place, k] == (own & (distance <= tolerance)).sum()
                assert counts[first + 1, place, k] == own.sum()


def test_a_border_moved_by_two_columns_is_met_from_two_pixels_on() -> None:
    target = np.repeat([[0] * 10 + [1] * 10], 30, axis=0)
    prediction = np.repeat([[0] * 12 + [1] * 8], 30, axis=0)
    counts = boundary_f_counts(prediction, target, 2, tolerances=[1, 2, 3])
    assert counts[:, :, 0].tolist() == [[0, 30, 30], [30, 30, 30], [0, 30, 30], [30, 30, 30]]
    scores = boundary_f_scores(counts)
    assert scores["mean_boundary_f"].tolist() == [0, 1, 1]


def test_the_tolerance_is_a_disc() -> None:
    """A pixel three rows and three columns away is at a distance of 4.24."""
    target, prediction = np.zeros((20, 20), dtype=int), np.zeros((20, 20), dtype=int)
    target[8, 8] = prediction[11, 11] = 1
    counts = boundary_f_counts(prediction, target, 2, tolerances=[3, 4, 5])
    assert counts[0, :, 1].tolist() == [0, 0, 1]


def test_a_border_of_the_wrong_class_is_not_met() -> None:
    target = np.repeat([[0] * 5 + [1] * 5], 4, axis=0)
    prediction = np.repeat([[0] * 5 + [2] * 5], 4, axis=0)
    scores = boundary_f_scores(boundary_f_counts(prediction, target, 4, tolerances=[1]))
    np.testing.assert_array_equal(scores["boundary_f"], [[1, 0, 0, np.nan]])
    np.testing.assert_array_equal(scores["boundary_precision"], [[1, np.nan, 0, np.nan]])
    np.testing.assert_array_equal(scores["boundary_recall"], [[1, 0, np.nan, np.nan]])
    np.testing.assert_allclose(scores["mean_boundary_f"], [1 / 3])


def test_neither_the_edge_of_the_image_nor_unlabelled_pixels_make_a_boundary() -> None:
    target = np.zeros((6, 6), dtype=int)
    target[2:4, 2:4] = IGNORED
    assert not boundary_f_counts(np.zeros((6, 6), dtype=int), target, 2).any()


def test_the_share_of_the_diagonal() -> None:
    target, prediction = np.zeros((30, 40), dtype=int), np.zeros((30, 40), dtype=int)
    target[10, 10] = prediction[10, 15] = 1
    counts = boundary_f_counts(prediction, target, 2, tolerances=[0.08, 0.1])
    assert counts[0, :, 1].tolist() == [0, 1]


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30))
def test_the_f_score_is_that_of_scikit_learn_where_pixels_are_met_one_by_one(pairs: list[tuple[bool, bool]]) -> None:
    guess, truth = np.array(pairs).T
    hits = (guess & truth).sum()
    counts = np.array([hits, guess.sum(), hits, truth.sum()]).reshape(4, 1, 1)
    expected = sklearn.metrics.f1_score(truth, guess, zero_division=np.nan)
    found = boundary_f_scores(counts)["boundary_f"].item()
    assert found == pytest.approx(expected, nan_ok=True)
