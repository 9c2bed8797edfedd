"""Windows and neighbors against loops over pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpix.metrics.nearby import distance_to_same_class
from hardpix.metrics.windows import covered, disc, holds_several_classes, square

from .drawn_maps import IGNORED, pairs, windows


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@given(maps=pairs(), reach=st.integers(1, 15))
def test_a_window_holds_several_classes_iff_it_has_two_labels(
    kind: type, maps: tuple[np.ndarray, np.ndarray], reach: int
) -> None:
    _, target = maps
    labels = np.where(target == IGNORED, np.iinfo(kind).max, target).astype(kind)
    found = holds_several_classes(labels, square(reach))
    for place, window in windows(target.shape, reach):
        assert found[place] == (len({target[other] for other in window} - {IGNORED}) > 1)


@given(pairs(), st.integers(1, 5))
def test_covered_is_what_a_disc_around_some_pixel_reaches(maps: tuple[np.ndarray, np.ndarray], radius: int) -> None:
    where = maps[1] == 0
    places = np.argwhere(where)
    found = covered(where, disc(radius))
    for place in np.ndindex(where.shape):
        assert found[place] == any(np.hypot(*(places - place).T) <= radius)


@given(pairs(), st.integers(1, 5))
def test_distances_are_those_to_the_nearest_pixel_of_the_class(maps: tuple[np.ndarray, np.ndarray], reach: int) -> None:
    labels, among = (ids.astype(np.uint8) for ids in maps)
    labels[among == 1] = IGNORED
    own, distance = distance_to_same_class(labels, among, reach)
    places = np.argwhere(labels != IGNORED)
    assert own.tolist() == [labels[tuple(place)] for place in places]
    for place, label, found in zip(places, own, distance, strict=True):
        squares = ((np.argwhere(among == label) - place) ** 2).sum(1)
        within = squares[squares <= reach**2]
        assert found == (within.min() if len(within) else (reach + 1) ** 2)
