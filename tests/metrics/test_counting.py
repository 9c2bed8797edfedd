"""Properties of all scores from counts of single images."""

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from hardpix.metrics import (
    BoundaryErrors,
    BoundaryF,
    BoundaryIoU,
    ClDice,
    ThinParts,
    boundary_error_counts,
    boundary_error_scores,
    boundary_f_counts,
    boundary_f_scores,
    boundary_iou_counts,
    boundary_iou_scores,
    cl_dice_counts,
    cl_dice_scores,
    thin_part_counts,
    thin_part_scores,
)
from hardpix.metrics.label_pair import label_pair, length_in_pixels

from .drawn_maps import CLASSES, IGNORED, draw_pair


@dataclass
class Kind:
    count: Callable[..., np.ndarray]
    score: Callable[[np.ndarray], dict[str, np.ndarray]]
    metric: Callable[..., Any]
    settings: dict[str, Any]


KINDS = {
    "boundary_iou": Kind(boundary_iou_counts, boundary_iou_scores, BoundaryIoU, {"widths": (1, 0.1, 3)}),
    "boundary_f": Kind(boundary_f_counts, boundary_f_scores, BoundaryF, {"tolerances": (1, 2)}),
    "thin_parts": Kind(thin_part_counts, thin_part_scores, ThinParts, {"radii": (1, 2)}),
    "cl_dice": Kind(cl_dice_counts, cl_dice_scores, ClDice, {"classes": (3, 1)}),
    "boundary_errors": Kind(boundary_error_counts, boundary_error_scores, BoundaryErrors, {"radius": 2}),
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


@pytest.fixture
def count(kind: Kind) -> Callable[..., np.ndarray]:
    return partial(kind.count, num_classes=CLASSES, **kind.settings)


def make_batch(images: int) -> tuple[torch.Tensor, torch.Tensor]:
    drawn = [draw_pair(seed) for seed in range(images)]
    return tuple(torch.tensor(np.stack(maps)) for maps in zip(*drawn, strict=True))  # type: ignore[return-value]


def test_any_split_into_batches_gives_the_scores_of_the_summed_counts(kind: Kind, count: Callable) -> None:
    prediction, target = make_batch(5)
    summed = sum(count(*image) for image in zip(prediction.numpy(), target.numpy(), strict=True))
    assert summed.any()
    for split in ([5], [1, 3, 1]):
        metric = kind.metric(num_classes=CLASSES, **kind.settings)
        for batch in zip(prediction.split(split), target.split(split), strict=True):
            metric.update(*batch)
        assert metric.counts.dtype == torch.int64
        np.testing.assert_array_equal(metric.counts.numpy(), summed)
        found = metric.compute()
        for name, value in kind.score(summed).items():
            assert found[name].dtype == torch.float64
            np.testing.assert_array_equal(found[name].numpy(), value)


def test_counts_are_int64_and_of_one_shape_whatever_the_image(kind: Kind, count: Callable) -> None:
    shape = kind.metric(num_classes=CLASSES, **kind.settings).counts.shape
    for height, width, classes, unlabelled in [(1, 1, 1, 0.0), (1, 9, 4, 0.2), (7, 1, 2, 0.0), (12, 5, 4, 1.0)]:
        found = count(*draw_pair(0, height, width, classes=classes, unlabelled=unlabelled))
        assert (found.dtype, found.shape) == (np.int64, shape)


@pytest.mark.parametrize("types", [("uint8", "uint8"), ("uint16", "uint8"), ("int32", "uint16"), ("uint8", "int64")])
def test_all_integer_types_give_the_same_counts(count: Callable, types: tuple[str, str]) -> None:
    prediction, target = draw_pair(1)
    expected = count(prediction, target)
    np.testing.assert_array_equal(count(prediction.astype(types[0]), target.astype(types[1])), expected)


@pytest.mark.parametrize("classes", [255, 256, 300])
@pytest.mark.parametrize("name", [name for name in KINDS if name != "cl_dice"])
def test_many_classes_have_the_counts_of_few(name: str, classes: int) -> None:
    """Class k becomes k + C − 4, so that the largest ids are in use."""
    prediction, target = draw_pair(2)
    count = partial(KINDS[name].count, **KINDS[name].settings)
    few = count(prediction, target, CLASSES)
    shift = classes - CLASSES
    many = count(prediction + shift, np.where(target == IGNORED, -1, target + shift), classes, ignore_index=-1)
    np.testing.assert_array_equal(many[..., shift:], few)
    assert not many[..., :shift].any()


def test_a_line_like_class_beyond_255() -> None:
    prediction, target = draw_pair(2)
    few = cl_dice_counts(prediction, target, CLASSES, classes=[3])
    many = cl_dice_counts(prediction + 296, np.where(target == IGNORED, -1, target + 296), 300, [299], ignore_index=-1)
    np.testing.assert_array_equal(many, few)


@pytest.mark.parametrize("mark", [-100, -1, 0, 255, 1000])
def test_ignored_pixels_may_have_any_mark_and_any_prediction(count: Callable, mark: int) -> None:
    prediction, target = draw_pair(3)
    ids = np.where(target == IGNORED, mark, np.maximum(target, 1))
    expected = count(prediction, np.where(target == IGNORED, IGNORED, ids))
    strange = np.where(target == IGNORED, -77, prediction)
    np.testing.assert_array_equal(count(strange, ids, ignore_index=mark), expected)


def test_inputs_are_left_as_they_are(count: Callable) -> None:
    prediction, target = (labels.astype(np.uint8) for labels in draw_pair(4))
    before = prediction.copy(), target.copy()
    count(prediction, target)
    np.testing.assert_array_equal(prediction, before[0])
    np.testing.assert_array_equal(target, before[1])


def test_maps_may_be_parts_of_larger_arrays(count: Callable) -> None:
    prediction, target = draw_pair(5)
    np.testing.assert_array_equal(count(prediction.T, target.T), count(prediction.T.copy(), target.T.copy()))


def test_a_set_without_labels_has_no_scores(kind: Kind, count: Callable) -> None:
    prediction, target = draw_pair(6, unlabelled=1)
    counts = count(prediction, target)
    assert not counts.any()
    assert all(np.isnan(value).all() for value in kind.score(counts).values())


@pytest.mark.parametrize(("guess", "truth"), [(0, CLASSES), (0, -1), (CLASSES, 0), (-1, 0), (300, 2)])
def test_ids_outside_the_classes_are_refused_and_nothing_is_counted(
    kind: Kind, count: Callable, guess: int, truth: int
) -> None:
    prediction, target = make_batch(2)
    prediction[1, 3, 4], target[1, 3, 4] = guess, truth
    message = r"expected ids from 0 to 3 in prediction and target .* found others in 1 pixels"
    with pytest.raises(ValueError, match=message):
        count(prediction[1].numpy(), target[1].numpy())
    metric = kind.metric(num_classes=CLASSES, **kind.settings)
    with pytest.raises(ValueError, match=message):
        metric.update(prediction, target)
    assert not metric.counts.any()


def test_other_shapes_are_refused(kind: Kind, count: Callable) -> None:
    metric = kind.metric(num_classes=CLASSES, **kind.settings)
    with pytest.raises(ValueError, match=r"found \(1, 2, 3\) and \(1, 3, 2\)"):
        metric.update(torch.zeros(1, 2, 3).long(), torch.zeros(1, 3, 2).long())
    with pytest.raises(ValueError, match=r"\(B, H, W\), found \(2, 3\)"):
        metric.update(torch.zeros(2, 3).long(), torch.zeros(2, 3).long())
    with pytest.raises(ValueError, match="one shape"):
        count(np.zeros((2, 3), dtype=int), np.zeros((3, 2), dtype=int))
    for shape in [(2, 3, 4), (0, 5)]:
        with pytest.raises(ValueError, match=r"\(H, W\) with at least one pixel"):
            count(np.zeros(shape, dtype=int), np.zeros(shape, dtype=int))
    with pytest.raises(ValueError, match="integer class ids in prediction, found float64"):
        count(np.zeros((2, 3)), np.zeros((2, 3), dtype=int))


def test_metrics_pickle_and_forget(kind: Kind) -> None:
    batch = make_batch(2)
    metric = pickle.loads(pickle.dumps(kind.metric(num_classes=CLASSES, **kind.settings)))
    metric.update(*batch)
    once = metric.counts.clone()
    metric.reset()
    metric.update(*batch)
    assert torch.equal(metric.counts, once)


@pytest.mark.parametrize("classes", [0, 65536])
def test_impossible_numbers_of_classes_are_refused(classes: int) -> None:
    with pytest.raises(ValueError, match=f"expected from 1 to 65535 classes, found {classes}"):
        label_pair(np.zeros((1, 1), dtype=int), np.zeros((1, 1), dtype=int), classes)


@pytest.mark.parametrize(
    ("length", "shape", "expected"),
    [(0.02, (480, 640), 16), (0.02, (1024, 2048), 46), (0.5, (3, 4), 2), (0.001, (3, 4), 1), (3.0, (3, 4), 3)],
)
def test_lengths_are_pixels_or_shares_of_the_diagonal(length: float, shape: tuple[int, int], expected: int) -> None:
    """0.5 of a diagonal of 5 is 2.5, which int(round()) of the published code makes 2."""
    assert length_in_pixels(length, shape) == expected


@pytest.mark.parametrize(("height", "width", "diagonal"), [(3, 4, 5), (51, 68, 85), (45, 60, 75), (240, 275, 365)])
def test_shares_are_rounded_as_decimal_numbers_are(height: int, width: int, diagonal: int) -> None:
    """0.7 of 85 is 59.5 and becomes 60; in binary numbers it is a little less."""
    for thousandths in range(1, 1000):
        exact = (Decimal(thousandths) / 1000 * diagonal).to_integral_value(ROUND_HALF_EVEN)
        assert length_in_pixels(thousandths / 1000, (height, width)) == max(1, exact)


@pytest.mark.parametrize("length", [0, -1, 1.5])
def test_other_lengths_are_refused(length: float) -> None:
    with pytest.raises(ValueError, match=r"expected a share of the diagonal .*, found"):
        length_in_pixels(length, (3, 4))
