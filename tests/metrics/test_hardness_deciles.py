"""IoU by parts of a hardness map, against sorted lists of pixels, all orders of ties, and scikit-learn."""

import itertools
import math

import numpy as np
import pytest
import sklearn.metrics
import torch
from hypothesis import given
from hypothesis import strategies as st

from hardpix.metrics import (
    HardnessDeciles,
    class_iou,
    confusion_matrix,
    hardness_counts,
    iou_by_hardness,
    mean_iou,
    pixel_accuracy,
)

from .mapped_drawings import CLASSES, Maps, in_parts, labelled, maps

BINS = 4096


def bin_of(value: int) -> int:
    return min(int(BINS * 2 / math.pi * math.asin(math.sqrt(value / 65535))), BINS - 1)


def kinds_of(pixels: list[tuple[int, int, int]]) -> np.ndarray:
    """(3, C) true positives, false positives, false negatives."""
    counts = np.zeros((3, CLASSES))
    for _, guess, truth in pixels:
        if guess == truth:
            counts[0, guess] += 1
        else:
            counts[1, guess] += 1
            counts[2, truth] += 1
    return counts


def iou_of(kinds: np.ndarray) -> np.ndarray:
    return np.array([hit / (hit + more + less) if hit + more + less else np.nan for hit, more, less in kinds.T])


@given(maps())
def test_counts_are_those_of_loops(drawing: Maps) -> None:
    expected = np.zeros((3, BINS, CLASSES), dtype=int)
    for value, guess, truth in labelled(drawing):
        expected[:, bin_of(value)] += kinds_of([(value, guess, truth)]).astype(int)
    found = hardness_counts(*drawing[:3], CLASSES)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("value", [0, 1, 7, 255, 8191, 32767, 60000, 65534])
def test_bins_are_ordered_and_nowhere_wider_than_promised(value: int) -> None:
    # Every pixel is a class of its own, so that its bin can be told.
    ids = np.arange(32)[None]
    counts = hardness_counts((value + ids).clip(max=65535).astype(np.uint16), ids, ids, num_classes=32)
    places = counts[0].argmax(0)
    assert (np.diff(places) >= 0).all()
    different = np.unique(places[: 65536 - value], return_counts=True)[1]
    # 26 steps of 1/65535 are 0.0004.
    assert different.max() <= 26


@given(
    st.lists(st.tuples(*[st.integers(0, CLASSES - 1)] * 2), min_size=1, max_size=24), st.integers(1, 4), st.randoms()
)
def test_parts_without_ties_are_those_of_a_sorted_list(pairs: list, parts: int, random) -> None:  # type: ignore[no-untyped-def]
    pairs = pairs * parts
    values = [100 + 600 * place for place in range(len(pairs))]
    random.shuffle(values)
    guess, truth = np.array(pairs).T[:, None]
    hardness = np.array([values], dtype=np.uint16)
    found = iou_by_hardness(hardness_counts(hardness, guess, truth, CLASSES), parts)
    order = np.argsort(values)
    for part, places in enumerate(np.split(order, parts)):
        g, t = guess[0, places], truth[0, places]
        there = [k for k in range(CLASSES) if k in g or k in t]
        expected = sklearn.metrics.jaccard_score(t, g, labels=there, average=None, zero_division=0)
        np.testing.assert_allclose(found["class_iou"][part, there], expected)
        assert np.isnan(np.delete(found["class_iou"][part], there)).all()
        assert found["miou"][part] == pytest.approx(expected.mean())
        assert found["accuracy"][part] == pytest.approx(sklearn.metrics.accuracy_score(t, g))
        assert values[places[0]] - 26 < round(found["hardness"][part] * 65535) <= values[places[0]]


few_pixels = st.tuples(st.sampled_from([0, 30_000, 65535]), st.integers(0, CLASSES - 1), st.integers(0, CLASSES - 1))


@given(st.lists(few_pixels, min_size=1, max_size=3), st.sampled_from([2, 3]))
def test_ties_across_a_cut_are_dealt_in_random_order(pixels: list, parts: int) -> None:
    # As often as there are parts, so that every cut of the repeated list lies between two pixels.
    pixels = pixels * parts if parts == 2 else [p for p in pixels[:2] for _ in range(3)]
    orders = [o for o in itertools.permutations(pixels) if all(a[0] <= b[0] for a, b in itertools.pairwise(o))]
    size = len(pixels) // parts
    values, guess, truth = np.array(pixels).T[:, None]
    found = iou_by_hardness(hardness_counts(values.astype(np.uint16), guess, truth, CLASSES), parts)
    for part in range(parts):
        kinds = np.mean([kinds_of(list(order[part * size : (part + 1) * size])) for order in orders], axis=0)
        np.testing.assert_allclose(found["class_iou"][part], iou_of(kinds))
        assert found["accuracy"][part] == pytest.approx(kinds[0].sum() / size)


@given(maps())
def test_one_part_has_the_scores_of_the_whole(drawing: Maps) -> None:
    values, guess, truth, _ = drawing
    found = iou_by_hardness(hardness_counts(values, guess, truth, CLASSES), parts=1)
    confusion = confusion_matrix(torch.tensor(guess), torch.tensor(truth), CLASSES)
    np.testing.assert_allclose(found["class_iou"][0], class_iou(confusion).numpy())
    assert found["miou"][0] == pytest.approx(mean_iou(confusion).item(), nan_ok=True)
    assert found["accuracy"][0] == pytest.approx(pixel_accuracy(confusion).item(), nan_ok=True)


@given(maps(), st.integers(1, 12))
def test_parts_are_equal_in_size(drawing: Maps, parts: int) -> None:
    found = iou_by_hardness(hardness_counts(*drawing[:3], CLASSES), parts)
    pixels = labelled(drawing)
    if not pixels:
        assert all(np.isnan(values).all() for values in found.values())
        return
    assert found["accuracy"].mean() == pytest.approx(np.mean([guess == truth for _, guess, truth in pixels]))
    assert (np.diff(found["hardness"]) >= 0).all()


def test_a_cut_between_bins_leaves_no_trace_of_a_class_beyond_it() -> None:
    # Cuts as floats put 2e-15 of a pixel into the part before: 3 / 11 · 55 is not 15.
    truth = np.repeat(np.arange(11), 5)[None]
    hardness = (np.arange(55) * 1000).astype(np.uint16)[None]
    found = iou_by_hardness(hardness_counts(hardness, truth, truth, 11), parts=11)
    np.testing.assert_array_equal(np.isnan(found["class_iou"]), ~np.eye(11, dtype=bool))


def test_a_part_begins_where_the_part_before_it_cuts_a_tie() -> None:
    hardness = np.array([[0.1, 0.1, 0.1, 0.5]])
    found = iou_by_hardness(hardness_counts(hardness, *np.zeros((2, 1, 4), dtype=int), num_classes=1), parts=2)
    np.testing.assert_allclose(found["hardness"], [0.1, 0.1], atol=4e-4)


def test_no_pixel_has_no_scores() -> None:
    found = iou_by_hardness(hardness_counts(np.zeros((2, 3)), np.zeros((2, 3), int), np.full((2, 3), 255), 2))
    assert {name: values.shape for name, values in found.items()} == {
        "class_iou": (10, 2),
        "miou": (10,),
        "accuracy": (10,),
        "hardness": (10,),
    }
    assert all(np.isnan(values).all() for values in found.values())


def test_scene_of_which_everything_is_known() -> None:
    truth = np.array([[0, 0, 0, 0, 1, 1, 1, 255]])
    guess = np.array([[0, 0, 0, 1, 1, 1, 0, 1]])
    hardness = np.array([[0.1, 0.1, 0.8, 0.9, 0.2, 0.1, 0.7, 0.0]])
    truth, guess, hardness = (np.repeat(m, 2, axis=1) for m in (truth, guess, hardness))
    found = iou_by_hardness(hardness_counts(hardness, guess, truth, 2), parts=7)
    # Pairs of pixels by hardness: three easy ones at 0.1 that are right, then 0.2, 0.7, 0.8 and 0.9.
    np.testing.assert_allclose(found["accuracy"], [1, 1, 1, 1, 0, 1, 0])
    np.testing.assert_allclose(found["class_iou"][3], [np.nan, 1])
    np.testing.assert_allclose(found["class_iou"][4], [0, 0])
    np.testing.assert_allclose(found["hardness"], [0.1, 0.1, 0.1, 0.2, 0.7, 0.8, 0.9], atol=5e-4)


def test_a_map_that_is_half_zero_has_five_equal_deciles() -> None:
    rng = np.random.default_rng(0)
    hardness = np.where(rng.permutation(1000) < 500, 0, 40_000 + np.arange(1000)).astype(np.uint16).reshape(20, 50)
    guess, truth = rng.integers(0, 2, (2, 20, 50))
    found = iou_by_hardness(hardness_counts(hardness, guess, truth, 2))
    easy = (hardness == 0).reshape(20, 50)
    confusion = confusion_matrix(torch.tensor(guess[easy]), torch.tensor(truth[easy]), 2)
    np.testing.assert_allclose(found["miou"][:5], mean_iou(confusion).item())
    assert len(set(found["miou"][4:])) > 3


@given(maps(), st.data())
def test_parts_of_a_set_add_up_to_the_whole(drawing: Maps, data: st.DataObject) -> None:
    parts = [hardness_counts(*(m[rows] for m in drawing[:3]), CLASSES) for rows in in_parts(len(drawing.target), data)]
    np.testing.assert_array_equal(sum(parts), hardness_counts(*drawing[:3], CLASSES))


def test_fewer_than_one_part_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 part, found 0"):
        iou_by_hardness(np.zeros((3, BINS, 2), dtype=np.int64), parts=0)


def test_metric_over_batches_is_the_function_over_images() -> None:
    rng = np.random.default_rng(1)
    values = torch.tensor(rng.random((5, 4, 6)), dtype=torch.float32)
    guess, truth = torch.tensor(rng.integers(0, 3, (2, 5, 4, 6)))
    truth[torch.tensor(rng.random((5, 4, 6)) < 0.2)] = 255
    metric = HardnessDeciles(3, parts=4)
    for part in ([0], [1, 2, 3], [4]):
        metric.update(values[part], guess[part], truth[part])
    counts = sum(hardness_counts(*(m.numpy() for m in image), 3) for image in zip(values, guess, truth, strict=True))
    for name, expected in iou_by_hardness(counts, 4).items():
        found = metric.compute()[name]
        assert found.dtype == torch.float64
        np.testing.assert_array_equal(found.numpy(), expected)
