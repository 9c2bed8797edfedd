"""Connected components of all classes against those of scipy, class by class."""

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from hardpix.metrics import connected_components

label_maps = arrays(
    np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.sampled_from([0, 1, 2, 255])
)


def components_by_class(labels: np.ndarray, ignore_index: int) -> dict[frozenset[int], int]:
    """The class of every component, a set of positions in the flattened map."""
    found = {}
    for k in np.unique(labels[labels != ignore_index]):
        numbers, count = scipy.ndimage.label(labels == k, structure=np.ones((3, 3)))
        for number in range(1, count + 1):
            found[frozenset(np.flatnonzero(numbers == number).tolist())] = int(k)
    return found


def check(labels: np.ndarray, ignore_index: int = 255) -> None:
    found = connected_components(labels, ignore_index)
    assert found.map.shape == labels.shape
    np.testing.assert_array_equal(found.map == 0, labels == ignore_index)
    members = [np.flatnonzero(found.map == number) for number in range(1, len(found) + 1)]
    expected = components_by_class(labels, ignore_index)
    assert {frozenset(m.tolist()): int(k) for m, k in zip(members, found.label[1:], strict=True)} == expected
    firsts = [m[0] for m in members]
    assert firsts == sorted(firsts)
    assert (found.label[0], found.area[0], found.box[0].tolist()) == (ignore_index, 0, [0, 0, 0, 0])
    for number, pixels in enumerate(members, start=1):
        row, column = np.divmod(pixels, labels.shape[1])
        assert found.area[number] == len(pixels)
        assert found.box[number].tolist() == [row.min(), column.min(), row.max() + 1, column.max() + 1]


@given(label_maps)
def test_components_are_those_of_scipy(labels: np.ndarray) -> None:
    check(labels)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("shape", [(40, 57), (1, 300), (300, 1)])
def test_larger_maps_of_two_classes_wind(seed: int, shape: tuple[int, int]) -> None:
    # Near the percolation threshold, where components are long and twisted.
    rng = np.random.default_rng(seed)
    check(np.where(rng.random(shape) < 0.41, 1, np.where(rng.random(shape) < 0.5, 0, 7)), ignore_index=7)


def test_a_spiral_is_one_component() -> None:
    spiral = np.zeros((21, 21), dtype=np.uint8)
    row, column, step = 0, 0, (0, 1)
    for length in [20, 20, 20, 18, 18, 16, 16, 14, 14, 12, 12, 10, 10, 8, 8, 6, 6, 4, 4, 2]:
        for _ in range(length):
            spiral[row, column] = 1
            row, column = row + step[0], column + step[1]
        step = (step[1], -step[0])
    check(spiral)
    assert len(connected_components(spiral)) == 2


def test_corners_join_and_diagonals_of_two_classes_cross() -> None:
    found = connected_components(np.array([[0, 1], [1, 0]]))
    assert found.map.tolist() == [[1, 2], [2, 1]]


def test_the_last_pixel_of_a_row_does_not_touch_the_first_of_the_next() -> None:
    assert len(connected_components(np.array([[0, 0, 1], [1, 0, 0]]))) == 3


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int64])
def test_integer_types_make_no_difference(dtype: type) -> None:
    labels = np.random.default_rng(0).integers(0, 3, (8, 9))
    np.testing.assert_array_equal(connected_components(labels.astype(dtype)).map, connected_components(labels).map)


def test_a_map_without_labels_has_no_components() -> None:
    found = connected_components(np.full((3, 4), 255))
    assert len(found) == 0
    assert not found.map.any()


@pytest.mark.parametrize("labels", [np.zeros((2, 3)), np.zeros((1, 2, 3), dtype=int)])
def test_what_is_no_label_map_is_refused(labels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected integer labels of shape"):
        connected_components(labels)
