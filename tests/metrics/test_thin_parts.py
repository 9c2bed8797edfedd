"""Thin parts against scipy's opening of single classes, and scenes with a known answer."""

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given
from hypothesis import strategies as st

from hardpix.metrics import thin_part_counts, thin_part_scores, thin_parts

from .drawn_maps import CLASSES, IGNORED, pairs


def disc_of(radius: int) -> np.ndarray:
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return np.hypot(y, x) <= radius


def thin_by_opening(labels: np.ndarray, radius: int) -> np.ndarray:
    """Class by class, the pixels of the edge going on outside, unlabeled pixels belonging to every mask."""
    thin = np.zeros(labels.shape, dtype=bool)
    inside = (slice(3 * radius, -3 * radius),) * 2
    around = np.pad(labels, 3 * radius, mode="edge")
    for k in range(CLASSES):
        mask = np.isin(around, [k, IGNORED])
        # Outside of what was padded as well nothing ends.
        kept = scipy.ndimage.binary_erosion(mask, disc_of(radius), border_value=1)
        kept = scipy.ndimage.binary_dilation(kept, disc_of(radius))
        thin |= ((around == k) & ~kept)[inside]
    return thin


@given(pairs(), st.integers(1, 4))
def test_thin_parts_are_what_an_opening_of_each_class_removes(maps: tuple[np.ndarray, np.ndarray], radius: int) -> None:
    for labels in (maps[0], maps[1]):
        found = thin_parts(labels.astype(np.uint8), radius)
        np.testing.assert_array_equal(found, thin_by_opening(labels, radius))


@given(pairs(), st.lists(st.integers(1, 4), min_size=1, max_size=2))
def test_counts_are_those_of_loops_over_pixels(maps: tuple[np.ndarray, np.ndarray], radii: list[int]) -> None:
    prediction, target = maps
    counts = thin_part_counts(prediction, target, CLASSES, radii=radii)
    drawn = np.where(target == IGNORED, IGNORED, prediction)
    for place, radius in enumerate(radii):
        thin, drawn_thin = thin_by_opening(target, radius), thin_by_opening(drawn, radius)
        for k in range(CLASSES):
            true = np.argwhere(thin & (target == k))
            false = 0
            for i, j in np.argwhere((drawn == k) & (target != k)):
                beside = (np.hypot(*(true - (i, j)).T) <= radius).any() if len(true) else False
                false += drawn_thin[i, j] or beside
            found = (thin & (target == k) & (drawn == k)).sum()
            assert counts[:, place, k].tolist() == [found, len(true), false]


def pole(width: int, column: int = 20, rows: slice = slice(10, 40)) -> np.ndarray:
    labels = np.zeros((60, 60), dtype=np.uint8)
    labels[rows, column : column + width] = 1
    return labels


@pytest.mark.parametrize(("width", "thin"), [(1, True), (6, True), (7, False), (12, False)])
def test_a_disc_of_radius_3_takes_poles_of_up_to_6_pixels(width: int, thin: bool) -> None:
    """All of a thin pole; of a thick one a few pixels in its corners, none in its middle rows."""
    found = thin_parts(pole(width), 3)
    assert found[15:35].sum() == (20 * width if thin else 0)
    assert not found[:, :15].any()
    assert (found & (pole(width) == 1)).sum() <= (30 * width if thin else 4 * 7)


def test_objects_cut_by_the_edge_of_the_image_go_on_outside() -> None:
    standing = thin_parts(pole(3, rows=slice(40, 60)), 3)
    assert standing[59, 20:23].all()
    lying = np.zeros((60, 60), dtype=np.uint8)
    lying[:, :3] = 1
    assert not thin_parts(lying, 3).any()


def test_what_ends_in_unlabelled_pixels_is_not_thin() -> None:
    labels = np.full((60, 60), IGNORED, dtype=np.uint8)
    labels[10:40, 20:23] = 1
    assert not thin_parts(labels, 3).any()


def one_class(counts: np.ndarray) -> list[int]:
    return counts[:, 0, 1].tolist()


def test_a_pole_moved_by_two_of_its_four_columns() -> None:
    counts = thin_part_counts(pole(4, column=22), pole(4), 2)
    assert one_class(counts) == [60, 120, 60]
    assert thin_part_scores(counts)["thin_iou"][0, 1] == pytest.approx(1 / 3)


def test_a_pole_drawn_too_broad_pays_for_it() -> None:
    """The prediction, 8 columns, is not thin itself."""
    assert one_class(thin_part_counts(pole(8, column=18), pole(4), 2)) == [120, 120, 120]


def test_an_erased_and_an_invented_pole() -> None:
    nothing = np.zeros_like(pole(4))
    assert one_class(thin_part_counts(nothing, pole(4), 2)) == [0, 120, 0]
    counts = thin_part_counts(pole(4), nothing, 2)
    assert one_class(counts) == [0, 0, 120]
    scores = thin_part_scores(counts)
    np.testing.assert_array_equal(scores["thin_recall"][0], [np.nan, np.nan])
    np.testing.assert_array_equal(scores["thin_iou"][0], [np.nan, 0])


def test_wrong_pixels_of_broad_areas_do_not_count() -> None:
    """A pole 3 columns wide, and far from it a block of its class that is not there."""
    prediction = pole(3)
    prediction[10:40, 40:55] = 1
    found, thin, false = one_class(thin_part_counts(prediction, pole(3), 2))
    assert (found, thin) == (90, 90)
    assert false == thin_parts(prediction, 3)[:, 40:].sum() <= 4 * 7


def test_all_classes_together_are_the_sums() -> None:
    scores = thin_part_scores(np.array([[[3, 1, 0]], [[4, 6, 0]], [[2, 0, 0]]]))
    np.testing.assert_allclose(scores["thin_recall"], [[3 / 4, 1 / 6, np.nan]])
    np.testing.assert_allclose(scores["thin_iou"], [[3 / 6, 1 / 6, np.nan]])
    np.testing.assert_allclose(scores["mean_thin_recall"], [11 / 24])
    np.testing.assert_allclose(scores["mean_thin_iou"], [1 / 3])
    np.testing.assert_allclose(scores["all_thin_recall"], [4 / 10])
    np.testing.assert_allclose(scores["all_thin_iou"], [4 / 12])
