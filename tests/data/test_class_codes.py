"""Masks as indices of the smallest type: the same as `indices`, and what the table does not have is marked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hardpix.data import ClassTable

TABLE = ClassTable(["x", "y"], ids=[7, [26, 27]], ignore_ids=[0, 255])


@given(
    hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=6)) | st.just(np.zeros((1, 1), np.uint16))
)
def test_codes_pixel_by_pixel(stored: np.ndarray) -> None:
    code, known = TABLE.codes(stored)
    meaning = {7: 0, 26: 1, 27: 1}
    assert code.dtype == np.uint8
    assert code.tolist() == [[meaning.get(int(i), 255) for i in row] for row in stored]
    assert known.tolist() == [[int(i) in (*meaning, 0, 255) for i in row] for row in stored]


@pytest.mark.parametrize(("classes", "kind"), [(254, np.uint8), (255, np.uint8), (256, np.uint16), (300, np.uint16)])
def test_the_type_holds_all_classes_and_one_value_for_none(classes: int, kind: type) -> None:
    table = ClassTable([f"c{k}" for k in range(classes)], range(classes), ignore_ids=[60000])
    code, known = table.codes(np.array([[0, classes - 1, 60000, classes]], dtype=np.uint16))
    nothing = np.iinfo(kind).max
    assert code.dtype == kind
    assert code.tolist() == [[0, classes - 1, nothing, nothing]]
    assert known.tolist() == [[True, True, True, False]]


def test_codes_of_colours() -> None:
    table = ClassTable(["x", "y"], [0, 1], colors=[[0, 0, 0], [[9, 0, 0], [9, 0, 1]]], ignore_colors=[[255, 255, 255]])
    stored = np.array([[[0, 0, 0], [9, 0, 0], [9, 0, 1], [255, 255, 255], [9, 0, 2]]], dtype=np.uint8)
    code, known = table.codes(stored)
    assert code.tolist() == [[0, 1, 1, 255, 255]]
    assert known.tolist() == [[True, True, True, True, False]]
    grey = np.repeat(np.array([[7, 27, 3]], dtype=np.uint8)[..., None], 3, axis=2)
    assert TABLE.codes(grey)[0].tolist() == [[0, 1, 255]]
