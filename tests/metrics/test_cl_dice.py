"""clDice against its formula over scikit-image's skeletons of whole maps, and scenes with a known answer."""

import sys

import numpy as np
import pytest
from hypothesis import given
from skimage.morphology import skeletonize

from hardpix.metrics import cl_dice_counts, cl_dice_scores

from .drawn_maps import CLASSES, IGNORED, pairs


@given(pairs())
def test_counts_are_those_of_the_formula(maps: tuple[np.ndarray, np.ndarray]) -> None:
    prediction, target = maps
    valid = target != IGNORED
    order = [2, 0, 3]
    counts = cl_dice_counts(prediction, target, CLASSES, order)
    for place, k in enumerate(order):
        a, b = (prediction == k) & valid, target == k
        line_a, line_b = skeletonize(a), skeletonize(b)
        assert counts[:, place].tolist() == [(line_a & b).sum(), line_a.sum(), (line_b & a).sum(), line_b.sum()]


def line(columns: slice, rows: slice = slice(10, 11)) -> np.ndarray:
    labels = np.zeros((21, 50), dtype=np.uint8)
    labels[rows, columns] = 1
    return labels


def test_a_line_with_a_gap() -> None:
    """40 pixels, of which 10 are missing: everything drawn is right, three quarters of the line are there."""
    broken = line(slice(5, 45))
    broken[:, 20:30] = 0
    scores = cl_dice_scores(cl_dice_counts(broken, line(slice(5, 45)), 2, [1]))
    assert scores["topology_precision"].item() == 1
    assert scores["topology_sensitivity"].item() == 0.75
    assert scores["cl_dice"].item() == pytest.approx(2 * 0.75 / 1.75)


def test_a_line_that_is_drawn_too_broad_is_a_line() -> None:
    """Its skeleton is in the middle of it, hence on the true line, but where it forks at the ends."""
    counts = cl_dice_counts(line(slice(5, 45), slice(8, 13)), line(slice(5, 45)), 2, [1])
    assert 0 < counts[1] - counts[0] <= 4
    assert counts[2] == counts[3] == 40


def test_a_line_beside_the_true_one_is_none() -> None:
    scores = cl_dice_scores(cl_dice_counts(line(slice(5, 45), slice(12, 13)), line(slice(5, 45)), 2, [1]))
    assert scores["cl_dice"].item() == 0


def test_a_class_in_one_map_only_has_no_line_right_and_one_in_neither_no_score() -> None:
    nothing = np.zeros((21, 50), dtype=np.uint8)
    scores = cl_dice_scores(cl_dice_counts(nothing, line(slice(5, 45)), 3, [1, 2]))
    np.testing.assert_array_equal(scores["cl_dice"], [0, np.nan])
    np.testing.assert_array_equal(scores["topology_precision"], [np.nan, np.nan])
    np.testing.assert_array_equal(scores["topology_sensitivity"], [0, np.nan])
    assert scores["mean_cl_dice"] == 0


@pytest.mark.parametrize("foreign", [-1, 2])
def test_classes_that_are_not_there_are_refused(foreign: int) -> None:
    with pytest.raises(ValueError, match=rf"expected classes from 0 to 1 for clDice, found \[{foreign}\]"):
        cl_dice_counts(line(slice(5)), line(slice(5)), 2, [1, foreign])


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage.morphology", None)
    with pytest.raises(ImportError, match=r"pip install 'hardpix\[diagnose\]'"):
        cl_dice_counts(line(slice(5)), line(slice(5)), 2, [1])
