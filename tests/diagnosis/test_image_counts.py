"""Counts of images add up: those of two sets are those of all."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hardpix.diagnosis.image_counts import ImageMaps, add_counts, confidence_of, count_image
from hardpix.diagnosis.settings import Settings
from hardpix.diagnosis.summary import summarise

from .small_runs import confusion, ious

C = 3
ASKED = Settings(C, lines=(1,), sizes=(3, 9))


@st.composite
def an_image(draw: st.DrawFn) -> ImageMaps:
    size = draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    truth = draw(hnp.arrays(np.uint8, size, elements=st.sampled_from([0, 1, 2, 255])))
    prediction = draw(hnp.arrays(np.uint8, size, elements=st.sampled_from([0, 1, 2])))
    hardness = draw(st.none() | hnp.arrays(np.uint8, size))
    confidence = draw(st.none() | hnp.arrays(np.uint8, size))
    return ImageMaps(truth, prediction, hardness=hardness, confidence=confidence)


def total(images: list[ImageMaps]) -> dict[str, np.ndarray]:
    counts: dict[str, np.ndarray] = {}
    for image in images:
        add_counts(counts, count_image(image, ASKED).counts)
    return counts


@settings(max_examples=40, deadline=None)
@given(st.lists(an_image(), min_size=2, max_size=5), st.data())
def test_counts_of_two_halves_are_those_of_the_whole(images: list[ImageMaps], data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(images) - 1))
    whole, merged, half = total(images), total(images[:cut]), total(images[cut:])
    before = {key: value.copy() for key, value in half.items()}
    add_counts(merged, half)
    assert merged.keys() == whole.keys()
    assert all(np.array_equal(merged[key], whole[key]) for key in whole)
    assert all(np.array_equal(half[key], before[key]) for key in half)
    assert all(value.dtype == np.int64 for value in whole.values())
    matrix = confusion([image.truth for image in images], [image.prediction for image in images], C)
    summary = summarise(merged, ASKED)
    assert np.array_equal(summary["confusion"], matrix)
    assert np.array_equal(summary["class_scores"]["iou"], ious(matrix), equal_nan=True)


def test_adding_to_nothing_leaves_what_was_added_alone() -> None:
    counts, total = {"a": np.array([1, 2])}, {}
    add_counts(total, counts)
    add_counts(total, counts)
    assert (total["a"].tolist(), counts["a"].tolist()) == ([2, 4], [1, 2])


def test_confidence_is_the_probability_of_the_predicted_class() -> None:
    random = np.random.default_rng(1)
    probabilities = random.integers(0, 256, (C, 4, 5)).astype(np.uint8)
    truth = random.choice([0, 1, 2, 255], (4, 5)).astype(np.uint8)
    prediction = random.integers(0, C, (4, 5)).astype(np.uint8)
    prediction[truth == 255] = 255  # nothing is predicted where nothing is labeled
    found = confidence_of(ImageMaps(truth, prediction, probabilities=probabilities))
    assert found is not None
    for row, column in np.argwhere(truth != 255):
        assert found[row, column] == probabilities[prediction[row, column], row, column]
    assert confidence_of(ImageMaps(truth, prediction)) is None
