"""Counts of images add up: those of two sets are those of all."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hardpix.diagnosis.image_findings import describe_image
from hardpix.diagnosis.image_maps import ImageMaps
from hardpix.diagnosis.scores import report_scores
from hardpix.diagnosis.settings import Settings
from hardpix.diagnosis.tally import Counts, add_counts, count_image, image_row, summarize
from small_runs import confusion, ious

C = 3
ASKED = Settings(C, lines=(1,), sizes=(3, 9))
SCORES = report_scores(ASKED)


@st.composite
def an_image(draw: st.DrawFn) -> ImageMaps:
    size = draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    truth = draw(hnp.arrays(np.uint8, size, elements=st.sampled_from([0, 1, 2, 255])))
    prediction = draw(hnp.arrays(np.uint8, size, elements=st.sampled_from([0, 1, 2])))
    hardness = draw(st.none() | hnp.arrays(np.uint8, size))
    confidence = draw(st.none() | hnp.arrays(np.uint8, size))
    return ImageMaps(truth, prediction, ASKED, hardness=hardness, confidence=confidence)


def total(images: list[ImageMaps]) -> Counts:
    counts: Counts = []
    for image in images:
        counts = add_counts(SCORES, counts, count_image(SCORES, image))
    return counts


@settings(max_examples=40, deadline=None)
@given(st.lists(an_image(), min_size=2, max_size=5), st.data())
def test_counts_of_two_halves_are_those_of_the_whole(images: list[ImageMaps], data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(images) - 1))
    whole, merged, half = total(images), total(images[:cut]), total(images[cut:])
    before = [value if value is None else value.copy() for value in half]
    merged = add_counts(SCORES, merged, half)
    for one, other in (*zip(merged, whole, strict=True), *zip(half, before, strict=True)):
        assert (one is None) == (other is None)
        assert one is None or np.array_equal(one, other)
    assert all(value is None or value.dtype == np.int64 for value in whole)
    matrix = confusion([image.truth for image in images], [image.prediction for image in images], C)
    summary = summarize(SCORES, merged)
    assert np.array_equal(summary["confusion"], matrix)
    assert np.array_equal(summary["class_scores"]["iou"], ious(matrix), equal_nan=True)


def test_adding_to_nothing_leaves_what_was_added_alone() -> None:
    one, other = [np.array([1, 2]), None], [None, np.array([5])]
    two = SCORES[:2]
    total = add_counts(two, add_counts(two, add_counts(two, [], one), one), other)
    assert [counts.tolist() for counts in total] == [[2, 4], [5]]
    assert one[0].tolist() == [1, 2]
    with pytest.raises(ValueError, match=r"Overlap.count: expected counts of one shape .*, found \(3,\) after \(2,\)"):
        add_counts(two, total, [np.array([1, 2, 3]), None])


def test_confidence_is_the_probability_of_the_predicted_class() -> None:
    random = np.random.default_rng(1)
    probabilities = random.integers(0, 256, (C, 4, 5)).astype(np.uint8)
    truth = random.choice([0, 1, 2, 255], (4, 5)).astype(np.uint8)
    prediction = random.integers(0, C, (4, 5)).astype(np.uint8)
    prediction[truth == 255] = 255  # nothing is predicted where nothing is labeled
    found = ImageMaps(truth, prediction, ASKED, probabilities=probabilities).predicted_confidence
    assert found is not None
    for row, column in np.argwhere(truth != 255):
        assert found[row, column] == probabilities[prediction[row, column], row, column]
    assert ImageMaps(truth, prediction, ASKED).predicted_confidence is None


def test_label_maps_are_paired_once_an_image(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    for module in [module for name, module in sys.modules.items() if name.startswith("hardpix.")]:
        for name in ("label_pair", "labeled"):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, _counted(calls, getattr(module, name)))
    random = np.random.default_rng(0)
    truth, prediction = random.integers(0, C, (2, 12, 9)).astype(np.uint8)
    probabilities = random.dirichlet(np.ones(C), (12, 9)).transpose(2, 0, 1)
    maps = ImageMaps(
        truth, prediction, ASKED, probabilities=probabilities, hardness=probabilities[0], thresholds=np.full(C, 0.4)
    )
    counts = count_image(SCORES, maps)
    assert all(count is not None for count in counts)
    describe_image(maps, image_row(SCORES, counts))
    assert calls == ["label_pair", "labeled"]  # the one calls the other


def _counted(calls: list[str], function: Callable[..., Any]) -> Callable[..., Any]:
    def counted(*arguments: Any) -> Any:
        calls.append(function.__name__)
        return function(*arguments)

    return counted
