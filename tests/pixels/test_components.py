"""Sizes of components, against scipy class by class and the components of the report."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from hardpix.metrics.components import connected_components
from hardpix.pixels import component_sizes


def sizes_by_scipy(labels: np.ndarray) -> np.ndarray:
    found = np.zeros(labels.shape, dtype=np.int64)
    for number in np.unique(labels[labels != 255]):
        pieces, _ = ndimage.label(labels == number, np.ones((3, 3)))
        found += np.bincount(pieces.ravel())[pieces] * (labels == number)
    return found


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(st.integers(1, 4), st.integers(1, 25), st.integers(1, 25)),
    seed=st.integers(0, 2**16),
    classes=st.integers(1, 4),
    unlabeled=st.sampled_from([0.0, 0.1, 0.6, 1.0]),
)
def test_sizes_are_those_of_scipy_and_of_the_report(
    size: tuple[int, int, int], seed: int, classes: int, unlabeled: float
) -> None:
    draws = np.random.default_rng(seed)
    maps = draws.integers(0, classes, size)
    maps[draws.random(size) < unlabeled] = 255
    found = component_sizes(torch.from_numpy(maps)).numpy()
    assert np.array_equal(found, np.stack([sizes_by_scipy(labels) for labels in maps]))
    others = [connected_components(labels) for labels in maps]
    assert np.array_equal(found, np.stack([one.area[one.map] for one in others]))


def test_a_snake_is_one_component_however_long_it_winds() -> None:
    labels = torch.zeros(1, 41, 41, dtype=torch.int64)
    labels[0, ::2] = 1
    labels[0, 1::4, -1] = labels[0, 3::4, 0] = 1
    assert (component_sizes(labels)[labels == 1] == 21 * 41 + 20).all()


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32])
def test_the_type_of_labels_makes_no_difference(dtype: torch.dtype) -> None:
    labels = torch.randint(0, 3, (2, 7, 9), generator=torch.Generator().manual_seed(0))
    labels[0, 2] = 255
    assert torch.equal(component_sizes(labels.to(dtype)), component_sizes(labels))


def test_what_is_no_label_map_is_refused() -> None:
    with pytest.raises(ValueError, match=r"target\[None\]"):
        component_sizes(torch.zeros(3, 4, dtype=torch.int64))
