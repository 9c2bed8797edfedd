"""FErr, MErr and DErr against loops, against the authors' bands, and against scikit-learn's recall."""

import cv2
import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from hardpix.metrics import boundary_error_counts, boundary_error_scores

from .drawn_maps import CLASSES, IGNORED, draw_pair, pairs, windows


def bands_by_loops(prediction: np.ndarray, target: np.ndarray, radius: int) -> list[np.ndarray]:
    valid = target != IGNORED
    bands = []
    for labels in (prediction, target):
        border = np.zeros(target.shape, dtype=bool)
        for (i, j), window in windows(target.shape, 1):
            beside = [(y, x) for y, x in window if abs(y - i) + abs(x - j) == 1 and valid[y, x]]
            border[i, j] = valid[i, j] and any(labels[place] != labels[i, j] for place in beside)
        band = np.zeros(target.shape, dtype=bool)
        for place, window in windows(target.shape, radius):
            band[place] = valid[place] and any(border[other] for other in window)
        bands.append(band)
    return [*bands, bands[0] & bands[1]]


def assert_counts(counts: np.ndarray, bands: list[np.ndarray], prediction: np.ndarray, target: np.ndarray) -> None:
    for place, band in enumerate(bands):
        for k in range(counts.shape[2]):
            inside = band & (target == k)
            assert counts[:, place, k].tolist() == [(inside & (prediction == k)).sum(), inside.sum()]


@given(pairs(), st.integers(1, 4))
def test_counts_are_those_of_loops(maps: tuple[np.ndarray, np.ndarray], radius: int) -> None:
    counts = boundary_error_counts(*maps, CLASSES, radius=radius)
    assert_counts(counts, bands_by_loops(*maps, radius), *maps)


@pytest.mark.parametrize("seed", range(3))
def test_two_classes_without_unlabelled_pixels_have_the_bands_of_the_authors_code(seed: int) -> None:
    """Laplacian of the ids, not zero, dilated by 15×15."""
    prediction, target = (
        labels.astype(np.uint8) for labels in draw_pair(seed, 90, 120, block=30, classes=2, unlabelled=0)
    )
    bands = []
    for labels in (prediction, target):
        edges = (cv2.Laplacian(labels, cv2.CV_64F) != 0).astype(np.uint8)
        bands.append(cv2.dilate(edges, np.ones((15, 15), np.uint8)) > 0)
    assert not bands[1].all()
    assert_counts(boundary_error_counts(prediction, target, 2), [*bands, bands[0] & bands[1]], prediction, target)


def test_scores_are_one_less_the_recalls_of_scikit_learn_in_each_band() -> None:
    prediction, target = draw_pair(3, 60, 80, block=20)
    scores = boundary_error_scores(boundary_error_counts(prediction, target, CLASSES, radius=2))
    for name, band in zip(
        ("false_response", "merging_mistake", "displacement"), bands_by_loops(prediction, target, 2), strict=True
    ):
        truth, guess = target[band], prediction[band]
        recalls = sklearn.metrics.recall_score(truth, guess, labels=range(CLASSES), average=None, zero_division=np.nan)
        np.testing.assert_allclose(scores[f"{name}_class"], 1 - recalls)
        assert scores[name] == pytest.approx(1 - sklearn.metrics.balanced_accuracy_score(truth, guess))
        assert scores[f"{name}_pixels"] == pytest.approx(1 - sklearn.metrics.accuracy_score(truth, guess))


def test_ids_side_by_side_whose_differences_cancel_are_a_border() -> None:
    target = np.array([[0, 1, 2]] * 5)
    assert boundary_error_counts(target, target, 3, radius=1)[1, 1].tolist() == [5, 5, 5]


def test_an_invented_object_is_a_false_response_and_no_other_error() -> None:
    target = np.zeros((60, 60), dtype=int)
    prediction = target.copy()
    prediction[20:40, 20:40] = 1
    right, pixels = boundary_error_counts(prediction, target, 2)
    # 20 + 2·8 rows and columns around the object, less the inner square that no border pixel reaches, and less four
    # corners, since what touches the object with a corner alone is no border pixel.
    assert pixels.sum(-1).tolist() == [36**2 - 4**2 - 4, 0, 0]
    assert right[0].tolist() == [36**2 - 20**2 - 4, 0]
    scores = boundary_error_scores(np.array([right, pixels]))
    assert scores["false_response"] == 1 - (36**2 - 20**2 - 4) / 1276
    assert np.isnan(scores["merging_mistake"])
    assert np.isnan(scores["displacement"])


def test_a_moved_border_is_in_all_three_bands() -> None:
    target = np.repeat([[0] * 30 + [1] * 30], 10, axis=0)
    prediction = np.repeat([[0] * 32 + [1] * 28], 10, axis=0)
    right, pixels = boundary_error_counts(prediction, target, 2)
    # Bands reach 8 columns to both sides: 24 to 39, 22 to 37, and 24 to 37; columns 30 and 31 are wrong.
    assert (pixels / 10).tolist() == [[6, 10], [8, 8], [6, 8]]
    assert ((pixels - right) / 10).tolist() == [[0, 2], [0, 2], [0, 2]]


def test_a_radius_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 pixel, found 0"):
        boundary_error_counts(np.zeros((2, 2), dtype=int), np.zeros((2, 2), dtype=int), 2, radius=0)
