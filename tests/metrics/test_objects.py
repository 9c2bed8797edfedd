"""Scores by object size against sets of pixels, and scenes with known objects."""

import math
from collections.abc import Sequence
from dataclasses import fields

import numpy as np
import pytest
import scipy.ndimage
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hardpix.metrics import (
    ObjectCounts,
    ObjectScores,
    class_iou,
    confusion_matrix,
    match_objects,
    miou_if_fixed_by_size,
    object_counts,
    object_scores,
)

CLASSES = 3
Pixels = set[tuple[int, int]]


@st.composite
def maps(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Two maps of blocks that agree here and there; some pixels unlabeled."""
    shape = (draw(st.integers(1, 9)), draw(st.integers(1, 9)))
    block = draw(st.integers(1, 3))
    coarse = (-(-shape[0] // block), -(-shape[1] // block))
    ids = st.integers(0, CLASSES - 1)
    target, other = (
        np.kron(draw(arrays(np.int64, coarse, elements=ids)), np.ones((block, block), dtype=np.int64)) for _ in range(2)
    )
    target, other = target[: shape[0], : shape[1]], other[: shape[0], : shape[1]]
    agree, labelled = draw(arrays(bool, shape, fill=st.just(True))), draw(arrays(bool, shape, fill=st.just(True)))
    return np.where(agree, target, other), np.where(labelled, target, 255)


def objects_of(labels: np.ndarray) -> list[tuple[int, Pixels]]:
    found = []
    for k in range(CLASSES):
        numbers, count = scipy.ndimage.label(labels == k, structure=np.ones((3, 3)))
        found += [(k, {(int(i), int(j)) for i, j in np.argwhere(numbers == n)}) for n in range(1, count + 1)]
    return found


def band_of(size: int, limits: Sequence[int]) -> int:
    return sum(size >= limit for limit in limits)


def counts_by_sets(
    prediction: np.ndarray, target: np.ndarray, limits: Sequence[int], radius: int
) -> dict[str, np.ndarray]:
    bands = len(limits) + 1
    counts = {name: np.zeros((bands, CLASSES), dtype=int) for name in ("false_pixels", "objects", "missed")}
    counts |= {name: np.zeros((bands, CLASSES), dtype=int) for name in ("predicted", "false")}
    counts["confusion"] = np.zeros((bands, CLASSES, CLASSES), dtype=int)
    truth = objects_of(target)
    for k, pixels in truth:
        band = band_of(len(pixels), limits)
        for place in pixels:
            counts["confusion"][band, k, prediction[place]] += 1
        counts["objects"][band, k] += 1
        counts["missed"][band, k] += sum(prediction[p] == k for p in pixels) / len(pixels) < 0.25
    for k, pixels in objects_of(np.where(target == 255, 255, prediction)):
        own = band_of(len(pixels), limits)
        counts["predicted"][own, k] += 1
        counts["false"][own, k] += not any(
            target[i, j] == k
            for row, column in pixels
            for i in range(max(row - radius, 0), min(row + radius + 1, target.shape[0]))
            for j in range(max(column - radius, 0), min(column + radius + 1, target.shape[1]))
        )
        right = [0] * bands
        for other, members in truth:
            right[band_of(len(members), limits)] += len(pixels & members) if other == k else 0
        charged = right.index(max(right)) if sum(right) >= len(pixels) / 2 else own
        counts["false_pixels"][charged, k] += len(pixels) - sum(right)
    return counts


@settings(max_examples=300)
@given(maps(), st.sampled_from([(), (3,), (2, 6), (1, 4, 9)]), st.integers(0, 2))
def test_counts_are_those_of_sets_of_pixels(
    pair: tuple[np.ndarray, np.ndarray], limits: tuple[int, ...], radius: int
) -> None:
    found = object_counts(match_objects(*pair, CLASSES), limits, radius)
    for name, expected in counts_by_sets(*pair, limits, radius).items():
        assert getattr(found, name).dtype == torch.int64
        np.testing.assert_array_equal(getattr(found, name).numpy(), expected, err_msg=name)


@given(maps())
def test_bands_add_up_to_the_whole(pair: tuple[np.ndarray, np.ndarray]) -> None:
    found = object_counts(match_objects(*pair, CLASSES), (2, 6))
    whole = confusion_matrix(torch.tensor(pair[0]), torch.tensor(pair[1]), CLASSES)
    assert torch.equal(found.confusion.sum(0), whole)
    assert torch.equal(found.false_pixels.sum(0), whole.sum(0) - whole.diagonal())
    one_band = object_scores(object_counts(match_objects(*pair, CLASSES), ()))
    torch.testing.assert_close(one_band["class_iou"][0], class_iou(whole), equal_nan=True, rtol=0, atol=0)


@given(maps())
def test_mending_all_objects_of_a_size_costs_what_it_really_brings(pair: tuple[np.ndarray, np.ndarray]) -> None:
    prediction, target = pair
    limits = (2, 6)
    cost = miou_if_fixed_by_size(object_counts(match_objects(prediction, target, CLASSES), limits).confusion)
    for band in range(3):
        really = prediction.copy()
        for k, pixels in objects_of(target):
            if band_of(len(pixels), limits) == band:
                for place in pixels:
                    really[place] = k
        expected = class_iou(confusion_matrix(torch.tensor(really), torch.tensor(target), CLASSES)).nanmean()
        assert cost[band].item() == pytest.approx(expected.item(), abs=1e-15, nan_ok=True)


def scene() -> tuple[np.ndarray, np.ndarray]:
    """On ground (0), things (1) of 4, 25 and 100 pixels; the prediction as each test makes it."""
    target = np.zeros((30, 40), dtype=np.int64)
    target[2:4, 2:4] = target[2:7, 10:15] = target[15:25, 5:15] = 1
    return target.copy(), target


def counts_of(prediction: np.ndarray, target: np.ndarray) -> ObjectCounts:
    return object_counts(match_objects(prediction, target, CLASSES), limits=[10, 50])


def test_an_erased_object_is_missed_in_its_band() -> None:
    prediction, target = scene()
    prediction[2:7, 10:15] = 0
    found = counts_of(prediction, target)
    assert found.objects[:, 1].tolist() == [1, 1, 1]
    assert found.missed[:, 1].tolist() == [0, 1, 0]
    scores = object_scores(found)
    assert scores["class_recall"][:, 1].tolist() == [1, 0, 1]
    assert scores["class_iou"][:, 1].tolist() == [1, 0, 1]
    # The ground is one object of the largest band, and the 25 pixels are false there.
    ground = 30 * 40 - 4 - 25 - 100
    assert scores["class_iou"][2, 0].item() == ground / (ground + 25)
    assert scores["iou"][2].item() == pytest.approx((1 + ground / (ground + 25)) / 2)
    assert scores["missed_share"].tolist() == [0, 1, 0]


def test_something_invented_is_held_against_its_own_size() -> None:
    prediction, target = scene()
    prediction[0:3, 35:38] = 1
    found = counts_of(prediction, target)
    assert found.false[:, 1].tolist() == [1, 0, 0]
    assert found.predicted[:, 1].tolist() == [2, 1, 1]
    scores = object_scores(found)
    assert scores["class_iou"][:, 1].tolist() == [4 / 13, 1, 1]
    assert scores["class_recall"][:, 1].tolist() == [1, 1, 1]
    assert scores["false_share"].tolist() == [0.5, 0, 0]


def test_a_small_object_drawn_too_large_is_held_against_small_objects() -> None:
    prediction, target = scene()
    prediction[2:5, 10:18] = 1
    prediction[2:7, 10:15] = 1
    prediction[7:13, 10:15] = 1
    found = counts_of(prediction, target)
    # 25 right pixels and 39 false ones are less than half right: a region of 64 pixels.
    assert found.false_pixels[:, 1].tolist() == [0, 0, 39]
    prediction[10:13, 10:15] = 0
    found = counts_of(prediction, target)
    assert found.false_pixels[:, 1].tolist() == [0, 24, 0]
    assert object_scores(found)["class_iou"][1, 1].item() == 25 / 49


def test_small_objects_that_run_together_are_held_against_small_objects() -> None:
    target = np.zeros((20, 40), dtype=np.int64)
    target[5:8, 2:38:4] = target[5:8, 3:38:4] = target[5:8, 4:38:4] = 1
    prediction = np.zeros_like(target)
    prediction[5:8, 2:37] = 1
    found = counts_of(prediction, target)
    assert found.objects[:, 1].tolist() == [9, 0, 0]
    assert found.predicted[:, 1].tolist() == [0, 0, 1]
    assert found.false_pixels[:, 1].tolist() == [8 * 3, 0, 0]
    assert math.isnan(object_scores(found)["class_iou"][2, 1])


def test_false_pixels_go_to_the_band_of_most_right_pixels_not_of_most_objects() -> None:
    target = np.zeros((9, 14), dtype=np.int64)
    target[5, :12] = target[7, 0:10:2] = 1
    prediction = np.zeros_like(target)
    prediction[5, :12] = prediction[6, 0] = prediction[7, :9] = 1
    found = counts_of(prediction, target)
    assert found.objects[:, 1].tolist() == [5, 1, 0]
    assert found.false_pixels[:, 1].tolist() == [0, 1 + 4, 0]


def test_limits_are_shares_of_each_image_or_pixels() -> None:
    prediction, target = scene()
    objects = match_objects(prediction, target, CLASSES)
    by_share, by_pixels = (object_counts(objects, limits) for limits in ([25 / 1200, 0.5], [25, 600]))
    assert by_pixels.objects[:, 1].tolist() == [1, 2, 0]
    for field in fields(ObjectCounts):
        assert torch.equal(getattr(by_share, field.name), getattr(by_pixels, field.name))


@pytest.mark.parametrize("percent", range(1, 100))
def test_a_share_of_the_pixels_is_that_of_whole_numbers(percent: int) -> None:
    """7 of 100 pixels are no less than 0.07 of them, though 0.07 · 100 is 7.000000000000001."""
    target = np.zeros((10, 10), dtype=int)
    target.ravel()[:percent] = 1
    counts = object_counts(match_objects(target, target, 2), limits=[percent / 100])
    assert counts.objects[:, 1].tolist() == [0, 1]


@pytest.mark.parametrize("limits", [(0, 5), (-0.1, 0.5), (5, 5), (9, 3), (0.5, 4), (float("nan"),)])
def test_limits_that_make_no_bands_are_refused(limits: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="expected increasing size limits"):
        object_counts(match_objects(*scene(), CLASSES), limits)
    with pytest.raises(ValueError, match="expected increasing size limits"):
        ObjectScores(CLASSES, limits=limits)


def test_a_negative_radius_is_refused() -> None:
    with pytest.raises(ValueError, match="radius of at least 0 pixels, found -1"):
        object_counts(match_objects(*scene(), CLASSES), radius=-1)


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(0)
    target = np.kron(rng.integers(0, CLASSES, (5, 6, 8)), np.ones((1, 3, 3), dtype=np.int64))
    guess = np.where(rng.random(target.shape) < 0.1, rng.integers(0, CLASSES, target.shape), target)
    target[rng.random(target.shape) < 0.05] = 255
    target[3] = 255
    return torch.tensor(guess), torch.tensor(target)


def test_the_metric_counts_what_the_function_counts_image_by_image() -> None:
    prediction, target = batch()
    scores = ObjectScores(CLASSES, limits=[5, 30], radius=1)
    scores.update(prediction, target)
    images = [
        object_counts(match_objects(p.numpy(), t.numpy(), CLASSES), [5, 30], radius=1)
        for p, t in zip(prediction, target, strict=True)
    ]
    total = ObjectCounts(*(torch.stack([getattr(i, f.name) for i in images]).sum(0) for f in fields(ObjectCounts)))
    found = scores.compute()
    for name in ("objects", "missed", "predicted", "false"):
        assert torch.equal(found[name], getattr(total, name))
    for name, value in object_scores(total).items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=0, equal_nan=True)
    assert torch.equal(found["miou_if_fixed"], miou_if_fixed_by_size(total.confusion))


def test_batches_of_any_size_have_the_scores_of_the_whole() -> None:
    prediction, target = batch()
    whole, parts, forward = (ObjectScores(CLASSES, limits=[0.01, 0.1]) for _ in range(3))
    whole.update(prediction, target)
    for part in ([0], [1, 2, 3], [4]):
        parts.update(prediction[part].to(torch.uint8), target[part].to(torch.uint8))
        forward(prediction[part], target[part])
    for name, value in whole.compute().items():
        torch.testing.assert_close(parts.compute()[name], value, rtol=0, atol=0, equal_nan=True)
        torch.testing.assert_close(forward.compute()[name], value, rtol=0, atol=0, equal_nan=True)


def test_a_set_without_labels_has_no_scores() -> None:
    scores = ObjectScores(CLASSES)
    scores.update(torch.zeros(1, 2, 2).long(), torch.full((1, 2, 2), 255))
    found = scores.compute()
    assert all(value.isnan().all() for value in found.values() if value.dtype == torch.float64)
    assert all(value.sum() == 0 for value in found.values() if value.dtype == torch.int64)


def test_ids_outside_the_classes_and_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected ids from 0 to 2 .* found others in 2 pixels"):
        ObjectScores(CLASSES).update(torch.full((1, 1, 2), CLASSES), torch.zeros(1, 1, 2).long())
    with pytest.raises(ValueError, match=r"found \(1, 2, 3\) and \(1, 3, 2\)"):
        ObjectScores(CLASSES).update(torch.zeros(1, 2, 3).long(), torch.zeros(1, 3, 2).long())
