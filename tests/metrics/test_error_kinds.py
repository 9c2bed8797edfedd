"""Kinds of error against the rules applied pixel by pixel, and scenes with known faults."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hardpix.metrics import (
    ErrorKind,
    ErrorKinds,
    ErrorKindScores,
    classify_errors,
    confusion_matrix,
    match_objects,
    mean_iou,
    miou_if_fixed_by_kind,
)

CLASSES = 3
Position = tuple[int, int]


@st.composite
def maps(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Blocks of classes; the prediction is the truth moved, with some pixels replaced; some pixels unlabeled."""
    height, width, block = draw(st.integers(1, 9)), draw(st.integers(1, 9)), draw(st.integers(1, 4))
    shape = (height, width)
    coarse = draw(arrays(np.int64, (-(-height // block), -(-width // block)), elements=st.integers(0, CLASSES - 1)))
    target = np.kron(coarse, np.ones((block, block), dtype=np.int64))[:height, :width]
    step = (draw(st.integers(-2, 2)), draw(st.integers(-2, 2)))
    noise = draw(arrays(np.int64, shape, elements=st.integers(0, CLASSES - 1), fill=st.just(0)))
    noisy = draw(arrays(bool, shape, fill=st.just(False)))
    prediction = np.where(noisy, noise, np.roll(target, step, (0, 1)))
    unlabelled = draw(arrays(bool, shape, fill=st.just(False)))
    return prediction, np.where(unlabelled, 255, target)


def around(labels: np.ndarray, place: Position, radius: int) -> list[Position]:
    row, column = place
    rows = range(max(row - radius, 0), min(row + radius + 1, labels.shape[0]))
    columns = range(max(column - radius, 0), min(column + radius + 1, labels.shape[1]))
    return [(i, j) for i in rows for j in columns]


def component(labels: np.ndarray, seed: Position) -> set[Position]:
    """All pixels of the seed's class that can be reached from it."""
    reached, queue = {seed}, [seed]
    while queue:
        for other in around(labels, queue.pop(), 1):
            if labels[other] == labels[seed] and other not in reached:
                reached.add(other)
                queue.append(other)
    return reached


def distance_to_meeting(labels: np.ndarray, place: Position, of: int, where: int) -> int:
    """To the nearest pixel of class ``of`` that touches one of class ``where``; far away if there is none."""
    return min(
        (
            max(abs(i - place[0]), abs(j - place[1]))
            for i, j in np.ndindex(labels.shape)
            if labels[i, j] == of and any(labels[p] == where for p in around(labels, (i, j), 1))
        ),
        default=1000,
    )


def by_the_rules(prediction: np.ndarray, target: np.ndarray, radius: int) -> tuple[np.ndarray, np.ndarray]:
    """Kind of every pixel, and by how much its border is displaced."""
    prediction = np.where(target == 255, 255, prediction)
    kind, displacement = np.zeros(target.shape, dtype=int), np.zeros(target.shape, dtype=int)
    for place in np.ndindex(target.shape):
        true, guess = target[place], prediction[place]
        if true == 255 or true == guess:
            kind[place] = 255 if true == 255 else ErrorKind.RIGHT
            continue
        moved = distance_to_meeting(target, place, guess, true) + distance_to_meeting(prediction, place, true, guess)
        of_truth, of_guess = component(target, place), component(prediction, place)
        if moved - 1 <= radius:
            kind[place], displacement[place] = ErrorKind.DISPLACED_BORDER, moved - 1
        elif sum(prediction[p] == true for p in of_truth) < len(of_truth) / 4:
            kind[place] = ErrorKind.MISSED_OBJECT
        elif all(target[q] != guess for p in of_guess for q in around(target, p, radius)):
            kind[place] = ErrorKind.FALSE_RESPONSE
        else:
            kind[place] = ErrorKind.CONFUSED
    return kind, displacement


def kinds_of(prediction: np.ndarray, target: np.ndarray, radius: int = 3, classes: int = CLASSES) -> ErrorKinds:
    return classify_errors(match_objects(prediction, target, classes), radius)


@settings(max_examples=300)
@given(maps(), st.integers(1, 3))
def test_every_pixel_has_the_kind_that_the_rules_give(pair: tuple[np.ndarray, np.ndarray], radius: int) -> None:
    prediction, target = pair
    found = kinds_of(prediction, target, radius)
    kind, displacement = by_the_rules(prediction, target, radius)
    np.testing.assert_array_equal(found.map, kind)
    for first, places in (
        *((found.counts[k], kind == k) for k in ErrorKind),
        *((found.displaced[d - 1], displacement == d) for d in range(1, radius + 1)),
    ):
        expected = np.zeros((CLASSES, CLASSES), dtype=int)
        np.add.at(expected, (target[places], prediction[places]), 1)
        np.testing.assert_array_equal(first.numpy(), expected)


@given(maps())
def test_kinds_add_up_to_the_confusion_matrix(pair: tuple[np.ndarray, np.ndarray]) -> None:
    found = kinds_of(*pair)
    whole = confusion_matrix(torch.tensor(pair[0]), torch.tensor(pair[1]), CLASSES)
    assert found.counts.dtype == found.displaced.dtype == torch.int64
    assert torch.equal(found.counts.sum(0), whole)
    assert torch.equal(found.displaced.sum(0), found.counts[ErrorKind.DISPLACED_BORDER])
    assert torch.equal(found.counts[ErrorKind.RIGHT], whole.diagonal().diag())


def test_the_picture_in_the_docstring_is_true() -> None:
    rows = re.findall(r"^ +((?:\S ){12}) +((?:\S ){12}) +(\S(?: \S){11})$", classify_errors.__doc__ or "", re.MULTILINE)
    assert len(rows) == 5
    truth, guess, kinds = (np.array([row[part].split() for row in rows]) for part in range(3))
    codes = {sign: code for code, sign in enumerate(".|oxab")}
    found = kinds_of(np.vectorize(codes.get)(guess), np.vectorize(codes.get)(truth), radius=2, classes=6)
    np.testing.assert_array_equal(np.where(found.map == 0, ".", found.map.astype(str)), kinds)


GROUND, THING, OTHER = range(3)


def plain(shape: Position = (30, 40)) -> np.ndarray:
    return np.full(shape, GROUND)


def shifted_pole() -> tuple[np.ndarray, np.ndarray]:
    prediction, target = plain(), plain()
    target[3:25, 10:14] = THING
    prediction[3:25, 12:16] = THING
    return prediction, target


def erased(width: int) -> tuple[np.ndarray, np.ndarray]:
    target = plain()
    target[5:25, 10 : 10 + width] = THING
    return plain(), target


def invented(width: int) -> tuple[np.ndarray, np.ndarray]:
    prediction, target = erased(width)[::-1]
    target[0, -1] = THING
    prediction[0, -1] = THING
    return prediction, target


def swapped() -> tuple[np.ndarray, np.ndarray]:
    """Two regions with a line between them, each called the other from top to bottom third."""
    target = plain()
    target[:, :18], target[:, 19:] = THING, OTHER
    prediction = target.copy()
    prediction[10:20, :18], prediction[10:20, 19:] = OTHER, THING
    return prediction, target


SCENES = {
    "a pole shifted by 2 pixels": (shifted_pole(), ErrorKind.DISPLACED_BORDER, 2 * 2 * 22),
    "a pole erased": (erased(2), ErrorKind.MISSED_OBJECT, 2 * 20),
    "a large object erased": (erased(17), ErrorKind.MISSED_OBJECT, 17 * 20),
    "a pole invented": (invented(1), ErrorKind.FALSE_RESPONSE, 20),
    "a large object invented": (invented(17), ErrorKind.FALSE_RESPONSE, 17 * 20),
    "two classes swapped": (swapped(), ErrorKind.CONFUSED, 39 * 10),
}


@pytest.mark.parametrize(("pair", "kind", "pixels"), SCENES.values(), ids=SCENES)
def test_a_known_fault_is_of_its_kind_alone_and_costs_what_mending_it_would_bring(
    pair: tuple[np.ndarray, np.ndarray], kind: ErrorKind, pixels: int
) -> None:
    prediction, target = pair
    found = kinds_of(prediction, target)
    assert set(found.map[prediction != target]) == {kind}
    assert found.counts[kind].sum() == pixels == (prediction != target).sum()
    corrected = miou_if_fixed_by_kind(found.counts)
    assert corrected[kind] == 1
    as_it_is = mean_iou(confusion_matrix(torch.tensor(prediction), torch.tensor(target), CLASSES))
    assert all(corrected[other] == as_it_is for other in ErrorKind if other != kind)


def test_all_faults_in_one_scene_each_cost_the_miou_of_the_really_mended_prediction() -> None:
    pairs = [pair for pair, _, _ in SCENES.values()]
    # Unlabeled columns between the scenes, wider than the reach of any rule.
    gap = np.full((30, 8), 255)
    prediction = np.concatenate([part for pair in pairs for part in (pair[0], gap)], axis=1)
    target = np.concatenate([part for pair in pairs for part in (pair[1], gap)], axis=1)
    found = kinds_of(prediction, target)
    cost = miou_if_fixed_by_kind(found.counts)
    for kind in ErrorKind:
        assert found.counts[kind].sum() == (
            sum(pixels for _, other, pixels in SCENES.values() if other == kind)
            if kind
            else ((prediction == target) & (target != 255)).sum()
        )
        really = np.where(found.map == kind, target, prediction)
        expected = mean_iou(confusion_matrix(torch.tensor(really), torch.tensor(target), CLASSES))
        assert cost[kind].item() == pytest.approx(expected.item(), abs=1e-15)
    assert len(set(cost.tolist())) == 5


@pytest.mark.parametrize("moved", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_border_is_displaced_by_as_much_as_it_moved(moved: int, axis: int) -> None:
    target = np.repeat([[GROUND, THING]], [9, 11], axis=1).repeat(5, axis=0)
    prediction = np.repeat([[GROUND, THING]], [9 + moved, 11 - moved], axis=1).repeat(5, axis=0)
    if axis == 0:
        prediction, target = prediction.T, target.T
    found = kinds_of(prediction, target, radius=4)
    expected = [0, 0, 0, 0]
    if moved <= 4:
        expected[moved - 1] = 5 * moved
    assert found.displaced[:, THING, GROUND].tolist() == expected
    # Moved further, it is a region of one class called its neighbor.
    assert found.counts[ErrorKind.CONFUSED].sum() == (5 * moved if moved > 4 else 0)


def test_an_object_of_which_a_quarter_is_found_is_not_missed() -> None:
    target, prediction = plain(), plain()
    target[2:22, 5:25] = THING
    prediction[2:12, 5:15] = THING
    assert kinds_of(prediction, target).counts[ErrorKind.MISSED_OBJECT].sum() == 0
    prediction[2, 5] = GROUND
    assert kinds_of(prediction, target).counts[ErrorKind.MISSED_OBJECT].sum() > 0


@pytest.mark.parametrize(("distance", "kind"), [(2, ErrorKind.CONFUSED), (3, ErrorKind.FALSE_RESPONSE)])
def test_what_was_invented_is_false_only_further_than_the_radius_from_its_class(distance: int, kind: ErrorKind) -> None:
    target, prediction = plain(), plain()
    target[10:20, 5:15] = prediction[10:20, 5:15] = THING
    prediction[12:18, 14 + distance : 24 + distance] = THING
    assert kinds_of(prediction, target, radius=2).map[15, 20 + distance] == kind


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.int64])
def test_integer_types_make_no_difference(dtype: type) -> None:
    prediction, target = swapped()
    target[3:5] = 255
    expected, found = kinds_of(prediction, target), kinds_of(prediction.astype(dtype), target.astype(dtype))
    np.testing.assert_array_equal(found.map, expected.map)
    assert torch.equal(found.counts, expected.counts)


@pytest.mark.parametrize(("classes", "ignore_index"), [(255, 255), (256, 256), (300, -100), (CLASSES, 0)])
def test_many_classes_and_any_ignore_index(classes: int, ignore_index: int) -> None:
    prediction, target = shifted_pole()
    # The last classes there are, so that codes reach the limit of the type.
    prediction, target = prediction + classes - 2, target + classes - 2
    target[0:2] = ignore_index
    found = classify_errors(match_objects(prediction, target, classes, ignore_index))
    assert (found.map[:2] == 255).all()
    assert found.counts[ErrorKind.DISPLACED_BORDER].sum() == 88
    assert found.counts.sum() == 28 * 40


def test_a_radius_of_no_pixel_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 pixel, found 0"):
        kinds_of(*swapped(), radius=0)
    with pytest.raises(ValueError, match="at least 1 pixel, found -1"):
        ErrorKindScores(CLASSES, radius=-1)


@pytest.mark.parametrize(("guess", "truth"), [(0, CLASSES), (0, -1), (CLASSES, 0), (-1, 0), (300, 2)])
def test_ids_outside_the_classes_are_refused(guess: int, truth: int) -> None:
    prediction, target = plain(), plain()
    prediction[3, 4], target[3, 4] = guess, truth
    with pytest.raises(ValueError, match=r"expected ids from 0 to 2 .* found others in 1 pixels"):
        match_objects(prediction, target, CLASSES)
    with pytest.raises(ValueError, match=r"expected ids from 0 to 2 .* found others in 1 pixels"):
        ErrorKindScores(CLASSES).update(torch.tensor(prediction[None]), torch.tensor(target[None]))


def test_maps_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"found \(2, 3\) and \(3, 2\)"):
        match_objects(np.zeros((2, 3), int), np.zeros((3, 2), int), CLASSES)
    with pytest.raises(ValueError, match="integer class ids in prediction, found float64"):
        match_objects(np.zeros((2, 3)), np.zeros((2, 3), int), CLASSES)
    with pytest.raises(ValueError, match=r"found \(1, 2, 3\) and \(1, 3, 2\)"):
        ErrorKindScores(CLASSES).update(torch.zeros(1, 2, 3).long(), torch.zeros(1, 3, 2).long())


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    prediction, target = (
        torch.tensor(np.stack(part)) for part in zip(*(p for p, _, _ in SCENES.values()), strict=True)
    )
    target[:, 7:9] = 255
    target[2] = 255
    return prediction, target


def test_the_metric_counts_what_the_function_counts_image_by_image() -> None:
    prediction, target = batch()
    scores = ErrorKindScores(CLASSES, radius=2)
    scores.update(prediction, target)
    found = scores.compute()
    images = [kinds_of(p.numpy(), t.numpy(), radius=2) for p, t in zip(prediction, target, strict=True)]
    assert torch.equal(found["kinds"], torch.stack([image.counts for image in images]).sum(0))
    assert torch.equal(found["displaced"], torch.stack([image.displaced for image in images]).sum(0))
    kinds = found["kinds"].numpy()
    wrong = kinds[1:].sum()
    assert found["share"].tolist() == pytest.approx([0, *(kinds[k].sum() / wrong for k in range(1, 5))])
    for k in range(CLASSES):
        of_class = [kinds[i, :, k].sum() if i == ErrorKind.FALSE_RESPONSE else kinds[i, k].sum() for i in range(1, 5)]
        assert found["class_share"][1:, k].tolist() == pytest.approx([n / sum(of_class) for n in of_class])
    assert found["miou"] == mean_iou(confusion_matrix(prediction, target, CLASSES))


def test_batches_of_any_size_have_the_scores_of_the_whole() -> None:
    prediction, target = batch()
    whole, parts, forward = (ErrorKindScores(CLASSES) for _ in range(3))
    whole.update(prediction, target)
    for part in ([0], [1, 2, 3], [4, 5]):
        parts.update(prediction[part], target[part])
        forward(prediction[part], target[part])
    for name, value in whole.compute().items():
        torch.testing.assert_close(parts.compute()[name], value, rtol=0, atol=0, equal_nan=True)
        torch.testing.assert_close(forward.compute()[name], value, rtol=0, atol=0, equal_nan=True)
    whole.reset()
    whole.update(prediction[:1], target[:1])
    assert whole.compute()["kinds"].sum() == (target[0] != 255).sum()


def test_a_set_without_labels_has_no_scores() -> None:
    scores = ErrorKindScores(CLASSES)
    scores.update(torch.zeros(1, 2, 2).long(), torch.full((1, 2, 2), 255))
    found = scores.compute()
    assert found["kinds"].sum() == 0
    assert all(found[name].isnan().all() for name in ("miou", "share", "class_share", "miou_if_fixed"))
