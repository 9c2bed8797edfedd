"""Boundary IoU against loops over windows and against the erosion of each class's mask, as published."""

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given
from hypothesis import strategies as st

from hardpix.metrics import boundary_iou_counts, boundary_iou_scores

from .drawn_maps import CLASSES, IGNORED, draw_pair, pairs, windows


def band_by_loops(labels: np.ndarray, target: np.ndarray, reach: int) -> np.ndarray:
    rows, columns = target.shape
    band = np.zeros(target.shape, dtype=bool)
    for (i, j), window in windows(target.shape, reach):
        seen = {labels[place] for place in window if target[place] != IGNORED}
        if i < reach or j < reach or i + reach >= rows or j + reach >= columns:
            seen.add("outside")
        band[i, j] = target[i, j] != IGNORED and len(seen) > 1
    return band


@given(pairs(), st.lists(st.integers(1, 9), min_size=1, max_size=3))
def test_counts_are_those_of_loops_over_windows(maps: tuple[np.ndarray, np.ndarray], widths: list[int]) -> None:
    prediction, target = maps
    intersection, union = boundary_iou_counts(prediction, target, CLASSES, widths=widths)
    for place, reach in enumerate(widths):
        predicted, true = (band_by_loops(labels, target, reach) for labels in (prediction, target))
        for k in range(CLASSES):
            a, b = predicted & (prediction == k), true & (target == k)
            assert intersection[place, k] == (a & b).sum()
            assert union[place, k] == (a | b).sum()


@given(pairs(unlabelled=(0.0,)), st.sampled_from([1, 2, 5, 0.02, 0.15]))
def test_where_all_is_labelled_it_is_the_mask_less_its_erosion_by_the_published_code(
    maps: tuple[np.ndarray, np.ndarray], width: float
) -> None:
    prediction, target = maps
    reach = max(1, round(width * np.sqrt(target.shape[0] ** 2 + target.shape[1] ** 2))) if width < 1 else width

    def boundary(mask: np.ndarray) -> np.ndarray:
        eroded = scipy.ndimage.binary_erosion(mask, np.ones((3, 3)), iterations=reach, border_value=0)
        return mask & ~eroded

    intersection, union = boundary_iou_counts(prediction, target, CLASSES, widths=[width])
    for k in range(CLASSES):
        a, b = boundary(prediction == k), boundary(target == k)
        assert (intersection[0, k], union[0, k]) == ((a & b).sum(), (a | b).sum())


def test_a_border_moved_by_one_column() -> None:
    """Two halves of 10 columns, 100 rows: at width 2 each band has the outer frame and 2 columns at the border."""
    target = np.repeat([[0] * 10 + [1] * 10], 100, axis=0)
    prediction = np.repeat([[0] * 11 + [1] * 9], 100, axis=0)
    intersection, union = boundary_iou_counts(prediction, target, 2, widths=[2])
    # Within the frame 96 rows: truth of class 0 has columns 0, 1, 8, 9 there, the prediction 0, 1, 9, 10.
    assert intersection[0].tolist() == [4 * 10 + 96 * 3, 4 * 9 + 96 * 3]
    assert union[0].tolist() == [4 * 11 + 96 * 5, 4 * 10 + 96 * 5]
    scores = boundary_iou_scores(np.array([intersection, union]))
    assert scores["boundary_iou"][0, 0] == pytest.approx(328 / 524)


def test_several_widths_are_those_taken_alone_in_any_order() -> None:
    prediction, target = draw_pair(7, 40, 60, block=9)
    widths = [0.1, 1, 12, 3, 1]
    together = boundary_iou_counts(prediction, target, CLASSES, widths=widths)
    alone = [boundary_iou_counts(prediction, target, CLASSES, widths=[width]) for width in widths]
    np.testing.assert_array_equal(together, np.concatenate(alone, axis=1))


def test_a_band_wider_than_the_image_is_the_mask() -> None:
    prediction, target = draw_pair(8, unlabelled=0.3)
    valid = target != IGNORED
    intersection, union = boundary_iou_counts(prediction, target, CLASSES, widths=[1000])
    for k in range(CLASSES):
        assert intersection[0, k] == ((prediction == k) & (target == k)).sum()
        assert union[0, k] == (((prediction == k) | (target == k)) & valid).sum()


def test_the_mean_is_over_classes_with_a_band() -> None:
    scores = boundary_iou_scores(np.array([[[1, 0, 0], [3, 3, 0]], [[2, 4, 0], [4, 6, 0]]]))
    np.testing.assert_allclose(scores["boundary_iou"], [[0.5, 0, np.nan], [0.75, 0.5, np.nan]])
    np.testing.assert_allclose(scores["mean_boundary_iou"], [0.25, 0.625])
