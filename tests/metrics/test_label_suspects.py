"""Confident learning in two passes, against loops over pixels."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hardpix.metrics import (
    ConfidentJoint,
    SelfConfidence,
    confident_thresholds,
    find_label_suspects,
    self_confidence_counts,
)

from .mapped_drawings import in_parts
from .noisy_labels import CLASSES, make_scene, scenes

UNIT = 65535 * 257


def as_shares(probabilities: np.ndarray) -> np.ndarray:
    top = 1 if probabilities.dtype.kind == "f" else np.iinfo(probabilities.dtype).max
    return probabilities.astype(np.float64) / top


def thresholds_by_loops(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    means = [as_shares(probabilities)[k][labels == k] for k in range(len(probabilities))]
    return np.array([own.mean() if own.size else np.nan for own in means])


def suspects_by_loops(
    probabilities: np.ndarray, labels: np.ndarray, thresholds: np.ndarray, tolerance: int
) -> tuple[np.ndarray, np.ndarray]:
    shares = as_shares(probabilities)
    suspected = np.full(labels.shape, -1)
    counts = np.zeros((3, CLASSES, CLASSES), dtype=int)
    for y, x in np.ndindex(labels.shape):
        p, given_label = shares[:, y, x], labels[y, x]
        sure = [k for k in range(CLASSES) if p[k] >= max(thresholds[k], 2e-6) - 1e-6]
        if given_label == 255 or not sure:
            continue
        guess = sure[0] if len(sure) == 1 else max(range(CLASSES), key=lambda k: (p[k], -k))
        counts[0, given_label, guess] += 1
        if p.max() - p[given_label] <= 1e-6 or guess == given_label:
            continue
        window = labels[max(y - tolerance, 0) : y + tolerance + 1, max(x - tolerance, 0) : x + tolerance + 1]
        displaced = guess in window
        counts[1 if displaced else 2, given_label, guess] += 1
        if not displaced:
            suspected[y, x] = guess
    return suspected, counts


@given(scenes())
def test_thresholds_are_mean_probabilities_of_the_labelled_class(scene: tuple[np.ndarray, np.ndarray]) -> None:
    counts = self_confidence_counts(*scene)
    assert counts.dtype == np.int64
    np.testing.assert_allclose(confident_thresholds(counts), thresholds_by_loops(*scene), atol=3e-8)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_sums_of_stored_integers_are_exact(kind: type) -> None:
    probabilities, labels = make_scene(0, kind=kind)
    counts = self_confidence_counts(probabilities, labels)
    for k in range(CLASSES):
        own = probabilities[k][labels == k]
        total = Fraction(int(own.astype(np.int64).sum()), int(np.iinfo(kind).max))
        assert counts[:, k].tolist() == [len(own), total * UNIT]


@given(scenes(), st.integers(0, 3))
def test_suspects_are_those_of_loops(scene: tuple[np.ndarray, np.ndarray], tolerance: int) -> None:
    thresholds = confident_thresholds(self_confidence_counts(*scene))
    found = find_label_suspects(*scene, thresholds, tolerance=tolerance)
    suspected, counts = suspects_by_loops(*scene, thresholds, tolerance)
    np.testing.assert_array_equal(found.suspected, suspected)
    np.testing.assert_array_equal(found.counts, counts)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.uint8, np.uint16])
@pytest.mark.parametrize("tolerance", [0, 2])
def test_every_type_of_probability(kind: type, tolerance: int) -> None:
    probabilities, labels = make_scene(1, kind=kind)
    thresholds = confident_thresholds(self_confidence_counts(probabilities, labels))
    np.testing.assert_allclose(thresholds, thresholds_by_loops(probabilities, labels), atol=3e-8)
    found = find_label_suspects(probabilities, labels, thresholds, tolerance=tolerance)
    suspected, counts = suspects_by_loops(probabilities, labels, thresholds, tolerance)
    np.testing.assert_array_equal(found.suspected, suspected)
    np.testing.assert_array_equal(found.counts, counts)
    assert found.counts[2].sum() > 10
    assert (found.counts[1].sum() > 0) == (tolerance > 0)


def test_a_class_that_is_no_label_is_never_suspected() -> None:
    probabilities, labels = make_scene(2)
    labels[labels == 3] = 255
    thresholds = confident_thresholds(self_confidence_counts(probabilities, labels))
    assert np.isnan(thresholds).tolist() == [False, False, False, True]
    only_confident = find_label_suspects(probabilities, labels, np.where(np.arange(4) == 2, thresholds, np.nan))
    assert set(np.unique(only_confident.suspected)) == {-1, 2}


def test_a_wrong_label_is_found_and_a_displaced_border_is_told_from_it() -> None:
    truth = np.zeros((20, 30), dtype=int)
    truth[:, 15:] = 1
    probabilities = np.stack([np.where(truth == 0, 0.9, 0.1), np.where(truth == 0, 0.1, 0.9)])
    labels = truth.copy()
    labels[:, 15:17] = 0
    labels[5:9, 3:8] = 1
    thresholds = np.array([0.8, 0.8])
    strict = find_label_suspects(probabilities, labels, thresholds)
    assert strict.counts[2].tolist() == [[0, 40], [20, 0]]
    lenient = find_label_suspects(probabilities, labels, thresholds, tolerance=2)
    assert lenient.counts[1].tolist() == [[0, 40], [20, 0]]
    assert lenient.counts[0].tolist() == strict.counts[0].tolist()


def test_inside_of_a_large_wrong_label_stays_suspect_with_a_tolerance() -> None:
    labels = np.zeros((20, 30), dtype=int)
    labels[4:14, 10:22] = 1
    labels[0, 0] = 255
    probabilities = np.stack([np.full((20, 30), 0.9), np.full((20, 30), 0.1)])
    found = find_label_suspects(probabilities, labels, np.array([0.8, 0.8]), tolerance=2)
    expected = np.full((20, 30), -1)
    expected[6:12, 12:20] = 0
    np.testing.assert_array_equal(found.suspected, expected)


def test_ignored_pixels_take_no_part_and_lend_no_border() -> None:
    labels = np.array([[0, 255, 1, 0, 0]])
    probabilities = np.array([[[0.1, 0.9, 0.9, 0.9, 0.9]], [[0.9, 0.1, 0.1, 0.1, 0.1]]])
    assert self_confidence_counts(probabilities, labels)[0].tolist() == [3, 1]
    found = find_label_suspects(probabilities, labels, np.array([0.5, 0.5]), tolerance=1)
    assert found.suspected.tolist() == [[1, -1, -1, -1, -1]]
    unknown = probabilities.copy()
    unknown[:, 0, 1] = np.nan
    np.testing.assert_array_equal(find_label_suspects(unknown, labels, np.array([0.5, 0.5]), tolerance=1)[1], found[1])
    np.testing.assert_array_equal(
        self_confidence_counts(unknown, labels), self_confidence_counts(probabilities, labels)
    )


def test_images_without_labels_have_no_counts() -> None:
    probabilities, labels = np.full((3, 4, 5), 1 / 3), np.full((4, 5), 255)
    assert self_confidence_counts(probabilities, labels).sum() == 0
    found = find_label_suspects(probabilities, labels, np.full(3, np.nan), tolerance=1)
    assert found.counts.sum() == 0
    assert (found.suspected == -1).all()


@given(scenes(), st.data())
def test_parts_of_a_set_add_up_to_the_whole(scene: tuple[np.ndarray, np.ndarray], data: st.DataObject) -> None:
    probabilities, labels = scene
    parts = [(probabilities[:, rows], labels[rows]) for rows in in_parts(len(labels), data)]
    counts = self_confidence_counts(probabilities, labels)
    np.testing.assert_array_equal(sum(self_confidence_counts(*part) for part in parts), counts)
    thresholds = confident_thresholds(counts)
    whole = find_label_suspects(probabilities, labels, thresholds).counts
    np.testing.assert_array_equal(sum(find_label_suspects(*part, thresholds).counts for part in parts), whole)


def test_metrics_over_batches_are_the_functions_over_images() -> None:
    images = [make_scene(seed, shape=(6, 7)) for seed in range(5)]
    probabilities, labels = (torch.tensor(np.stack(maps)) for maps in zip(*images, strict=True))
    first = SelfConfidence(CLASSES)
    for part in ([0], [1, 2, 3], [4]):
        first.update(probabilities[part], labels[part])
    joined = np.concatenate([p for p, _ in images], axis=1), np.concatenate([t for _, t in images])
    thresholds = first.compute()["thresholds"]
    np.testing.assert_allclose(thresholds.numpy(), thresholds_by_loops(*joined), atol=3e-8)
    np.testing.assert_array_equal(first.compute()["pixels"].numpy(), np.bincount(joined[1].ravel())[:CLASSES])
    second = ConfidentJoint(thresholds, tolerance=1)
    for part in ([0], [1, 2, 3], [4]):
        second.update(probabilities[part], labels[part])
    expected = sum(suspects_by_loops(p, t, thresholds.numpy(), 1)[1] for p, t in images)
    found = second.compute()
    assert list(found) == ["confident_joint", "displaced_borders", "suspects"]
    for counts, name in zip(expected, found, strict=True):
        np.testing.assert_array_equal(found[name].numpy(), counts)


def test_thresholds_of_another_number_of_classes_and_a_negative_tolerance_are_refused() -> None:
    probabilities, labels = make_scene(3, shape=(2, 3))
    with pytest.raises(ValueError, match=r"thresholds of 4 classes, found the shape \(3,\)"):
        find_label_suspects(probabilities, labels, np.zeros(3))
    with pytest.raises(ValueError, match="tolerance of at least 0 pixels, found -1"):
        find_label_suspects(probabilities, labels, np.zeros(4), tolerance=-1)
