"""Bands around borders, against a double loop over pixels."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.ndimage import distance_transform_cdt

from hardpix.pixels import border_band, distance_to_border

label_maps = hnp.arrays(
    np.int64,
    st.tuples(st.integers(1, 2), st.integers(1, 9), st.integers(1, 9)),
    elements=st.sampled_from([0, 0, 0, 1, 1, 7, 255]),
)


def distance_by_loops(target: np.ndarray, largest: int) -> np.ndarray:
    """Chessboard distance to the nearest labeled pixel of another class, pixel by pixel."""
    distance = np.full(target.shape, largest + 1)
    for image, row, column in np.ndindex(target.shape):
        if target[image, row, column] == 255:
            continue
        for other_row, other_column in np.ndindex(target.shape[1:]):
            if target[image, other_row, other_column] not in (255, target[image, row, column]):
                steps = max(abs(row - other_row), abs(column - other_column))
                distance[image, row, column] = min(distance[image, row, column], steps)
    return distance


@settings(max_examples=40)
@given(target=label_maps, largest=st.integers(1, 5))
def test_band_and_distance_are_those_of_the_double_loop(target: np.ndarray, largest: int) -> None:
    expected = distance_by_loops(target, largest)
    labels = torch.from_numpy(target)
    np.testing.assert_array_equal(distance_to_border(labels, largest), expected)
    for radius in range(1, largest + 1):
        np.testing.assert_array_equal(border_band(labels, radius), expected <= radius)


@settings(max_examples=15)
@given(target=label_maps, radius=st.integers(1, 3))
def test_turning_the_image_turns_the_band(target: np.ndarray, radius: int) -> None:
    labels = torch.from_numpy(target)
    assert torch.equal(border_band(labels.rot90(1, (1, 2)), radius), border_band(labels, radius).rot90(1, (1, 2)))


def test_two_classes_are_scipys_chessboard_distance() -> None:
    target = (np.random.default_rng(0).random((40, 70)) < 0.03).astype(np.int64)
    to_ones = distance_transform_cdt(target == 0, metric="chessboard")
    to_zeros = distance_transform_cdt(target == 1, metric="chessboard")
    expected = np.minimum(np.where(target == 0, to_ones, to_zeros), 7)
    np.testing.assert_array_equal(distance_to_border(torch.from_numpy(target)[None], 6)[0], expected)


def test_neither_the_edge_of_the_image_nor_ignored_pixels_make_a_border() -> None:
    target = torch.zeros(1, 4, 6, dtype=torch.long)
    target[0, 1, 2:4] = 255
    assert not border_band(target, 10).any()
    assert (distance_to_border(target, 3) == 4).all()


def test_a_window_larger_than_the_image_reaches_all_of_it() -> None:
    target = torch.zeros(1, 3, 5, dtype=torch.long)
    target[0, 0, 0] = 1
    assert border_band(target, 50).all()


def test_another_ignore_index_and_short_integers() -> None:
    target = torch.tensor([[[0, 0, 1, 1, 200]]], dtype=torch.uint8)
    assert border_band(target, 1, ignore_index=1).tolist() == [[[False] * 5]]
    assert border_band(target, 1, ignore_index=255).tolist() == [[[False, True, True, True, True]]]
    assert distance_to_border(target, 3, ignore_index=200).tolist() == [[[2, 1, 1, 2, 4]]]


@pytest.mark.parametrize("function", [border_band, distance_to_border])
def test_what_is_no_batch_of_label_maps_is_refused(function) -> None:  # type: ignore[no-untyped-def]
    """A single image would pass for a batch of its rows, without a border between them."""
    with pytest.raises(
        ValueError, match=r"target of shape \(B, H, W\), found \(4, 6\); for a single image write target"
    ):
        function(torch.zeros(4, 6, dtype=torch.long), 1)
    with pytest.raises(ValueError, match=r"found \(1, 1, 4, 6\); labels have no channel axis"):
        function(torch.zeros(1, 1, 4, 6, dtype=torch.long), 1)
    with pytest.raises(ValueError, match=r"at least one pixel an image, found shape \(1, 0, 6\)"):
        function(torch.zeros(1, 0, 6, dtype=torch.long), 1)
    with pytest.raises(ValueError, match=r"class ids in target, found torch.float32; call target.long"):
        function(torch.zeros(1, 4, 6), 1)


def test_masks_and_views_are_label_maps_too() -> None:
    mask = torch.tensor([[[False, False, True], [False, False, True]]])
    assert border_band(mask, 1).tolist() == [[[False, True, True], [False, True, True]]]
    flipped = mask.long().transpose(1, 2)
    assert torch.equal(border_band(flipped, 1), border_band(flipped.contiguous(), 1))
    assert border_band(torch.zeros(0, 4, 6, dtype=torch.uint8), 1).shape == (0, 4, 6)


def test_a_radius_below_one_is_an_error() -> None:
    with pytest.raises(ValueError, match="distance of at least 1 pixel, found 0"):
        distance_to_border(torch.zeros(1, 2, 2, dtype=torch.long), 0)
    with pytest.raises(ValueError, match="radius of at least 1 pixel, found 0"):
        border_band(torch.zeros(1, 2, 2, dtype=torch.long), 0)
