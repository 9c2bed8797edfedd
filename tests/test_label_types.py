"""Labels of every integer type mean what the same numbers mean in int64, whatever the classes and the ignored id."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hardpix.metrics import (
    BoundaryErrors,
    BoundaryF,
    BoundaryIoU,
    Calibration,
    ClasswiseCalibration,
    ClDice,
    ConfidentJoint,
    ErrorKindScores,
    ErrorRanking,
    HardnessDeciles,
    ObjectScores,
    SegmentationScores,
    SelfConfidence,
    ThinParts,
    boundary_error_counts,
    boundary_f_counts,
    boundary_iou_counts,
    cl_dice_counts,
    classwise_calibration_counts,
    confusion_matrix,
    connected_components,
    error_histogram,
    find_label_suspects,
    hardness_counts,
    match_objects,
    self_confidence_counts,
    suspect_regions,
    thin_part_counts,
)
from hardpix.objectives import WeightedCrossEntropy
from hardpix.pixels import (
    PixelBatch,
    TargetCheck,
    border_band,
    cell_labels,
    cell_values,
    cross_entropy_map,
    distance_to_border,
    valid_mask,
)
from hardpix.signals import ClassBalance, Focal, OnlineHard, Signal, Uniform

SHAPE = (2, 5, 6)
TYPES = [torch.uint8, torch.int8, torch.int16, torch.uint16, torch.int32]

generator = torch.Generator().manual_seed(0)
NUMBERS = torch.rand(SHAPE, generator=generator)


def scores(num_classes: int) -> Tensor:
    return torch.randn(SHAPE[0], num_classes, *SHAPE[1:], generator=torch.Generator().manual_seed(num_classes))


def draw(kind: torch.dtype, num_classes: int, ignore_index: int, foreign: bool) -> tuple[Tensor, Tensor]:
    """Prediction and target in int64, which the type can hold: the largest classes among them, and a foreign id."""
    limits = torch.iinfo(kind)
    largest = min(num_classes - 1, limits.max)
    ids = torch.tensor(sorted({0, largest // 2, max(largest - 1, 0), largest} - {ignore_index}) or [0])
    draws = torch.Generator().manual_seed(num_classes)
    prediction, target = ids[torch.randint(len(ids), (2, *SHAPE), generator=draws)]
    if limits.min <= ignore_index <= limits.max:
        target[torch.rand(SHAPE, generator=draws) < 0.2] = ignore_index
    if foreign:
        # Values that −1 and the number of classes wrap to, and that they are not.
        strange = [n for n in (-1, num_classes, 255, limits.max) if limits.min <= n <= min(limits.max, 2**40)]
        target[0, 0, : len(strange)] = torch.tensor(strange)
    return prediction, target


def batch(num_classes: int, target: Tensor, ignore_index: int) -> PixelBatch:
    return PixelBatch(scores(num_classes), target, ignore_index)


def signal_map(signal: Callable[[int], Signal]) -> Callable[..., Any]:
    return lambda prediction, target, classes, ignore: signal(classes)(batch(classes, target, ignore))


def checked(target: Tensor, num_classes: int, ignore_index: int) -> bool:
    TargetCheck()(target, num_classes, ignore_index)
    return True


PIXELS: dict[str, Callable[[Tensor, Tensor, int, int], Any]] = {
    "valid_mask": lambda p, t, c, i: valid_mask(t, c, i),
    "TargetCheck": lambda p, t, c, i: checked(t, c, i),
    "cross_entropy_map": lambda p, t, c, i: cross_entropy_map(scores(c), t, i),
    "smoothed": lambda p, t, c, i: cross_entropy_map(scores(c), t, i, label_smoothing=0.1),
    "border_band": lambda p, t, c, i: border_band(t, 1, i),
    "distance_to_border": lambda p, t, c, i: distance_to_border(t, 2, i),
    "cell_labels": lambda p, t, c, i: cell_labels(t, (2, 3), c, i),
    "cell_labels by majority": lambda p, t, c, i: cell_labels(t, (2, 3), c, i, "majority"),
    "cell_labels of every pixel": lambda p, t, c, i: cell_labels(t, SHAPE[1:], c, i),
    "cell_values": lambda p, t, c, i: cell_values(
        NUMBERS * valid_mask(t, c, i), t, cell_labels(t, (2, 3), c, i).to(t.dtype)
    ),
    "confusion_matrix": confusion_matrix,
    "uniform": signal_map(lambda c: Uniform()),
    "online_hard": signal_map(lambda c: OnlineHard(0.1, 0.3)),
    "focal": signal_map(lambda c: Focal()),
    "class_balance": signal_map(lambda c: ClassBalance(range(1, c + 1))),
    "WeightedCrossEntropy": lambda p, t, c, i: WeightedCrossEntropy()(batch(c, t, i)),
}


def of_image(count: Callable[..., Any], *maps: Any, **settings: Any) -> Callable[..., Any]:
    """A function of numpy arrays on the first image."""
    return lambda p, t, c, i: count(
        *(one(c) if callable(one) else one for one in maps), *(labels[0].numpy() for labels in (p, t)), c, i, **settings
    )


def probabilities(num_classes: int) -> np.ndarray:
    return scores(num_classes).softmax(1)[0].numpy()


IMAGES: dict[str, Callable[..., Any]] = {
    "boundary_iou_counts": of_image(boundary_iou_counts, widths=[1]),
    "boundary_f_counts": of_image(boundary_f_counts, tolerances=[1]),
    "boundary_error_counts": of_image(boundary_error_counts, radius=1),
    "thin_part_counts": of_image(thin_part_counts, radii=[1]),
    "cl_dice_counts": lambda p, t, c, i: cl_dice_counts(p[0].numpy(), t[0].numpy(), c, [0, c - 1], i),
    "error_histogram": of_image(error_histogram, NUMBERS[0].numpy()),
    "match_objects": lambda p, t, c, i: vars(match_objects(p[0].numpy(), t[0].numpy(), c, i)),
    "connected_components": lambda p, t, c, i: vars(connected_components(t[0].numpy(), i)),
    "self_confidence_counts": lambda p, t, c, i: self_confidence_counts(probabilities(c), t[0].numpy(), i),
}
SQUARES: dict[str, Callable[..., Any]] = {
    "find_label_suspects": lambda p, t, c, i: suspects(t, c, i).counts,
    "suspect_regions": lambda p, t, c, i: suspect_regions(
        suspects(t, c, i).suspected, probabilities(c), t[0].numpy(), i, min_area=1
    ),
}


def suspects(target: Tensor, num_classes: int, ignore_index: int) -> Any:
    return find_label_suspects(probabilities(num_classes), target[0].numpy(), np.full(num_classes, 0.1), ignore_index)


def counted(make: Callable[[int, int], Any], takes: str) -> Callable[..., Any]:
    def count(prediction: Tensor, target: Tensor, num_classes: int, ignore_index: int) -> dict[str, Tensor]:
        metric = make(num_classes, ignore_index)
        first = {"labels": [prediction], "numbers": [NUMBERS, prediction], "probabilities": []}[takes]
        if takes == "probabilities":
            first = [scores(num_classes).softmax(1)]
        metric.update(*first, target)
        return {short: getattr(metric, short) for short in metric.state_names}

    return count


METRICS: dict[str, Callable[..., Any]] = {
    "BoundaryIoU": counted(lambda c, i: BoundaryIoU(c, i, [1]), "labels"),
    "BoundaryF": counted(lambda c, i: BoundaryF(c, i, [1]), "labels"),
    "BoundaryErrors": counted(lambda c, i: BoundaryErrors(c, i, 1), "labels"),
    "ThinParts": counted(lambda c, i: ThinParts(c, i, [1]), "labels"),
    "ClDice": counted(lambda c, i: ClDice(c, [0, c - 1], i), "labels"),
    "ErrorRanking": counted(ErrorRanking, "numbers"),
    "Calibration": counted(Calibration, "numbers"),
    "SelfConfidence": counted(SelfConfidence, "probabilities"),
    "SegmentationScores": counted(lambda c, i: SegmentationScores(c, i, 1), "labels"),
}
METRICS_OF_SQUARES: dict[str, Callable[..., Any]] = {
    "ErrorKindScores": counted(lambda c, i: ErrorKindScores(c, i, 1), "labels"),
    "ObjectScores": counted(lambda c, i: ObjectScores(c, i, [4], 1), "labels"),
    "ConfidentJoint": counted(lambda c, i: ConfidentJoint([0.1] * c, i), "probabilities"),
}
LARGE: dict[str, Callable[..., Any]] = {
    "hardness_counts": of_image(hardness_counts, NUMBERS[0].numpy()),
    "HardnessDeciles": counted(HardnessDeciles, "numbers"),
    "classwise_calibration_counts": lambda p, t, c, i: classwise_calibration_counts(
        probabilities(c), t[0].numpy(), i, 3
    ),
    "ClasswiseCalibration": counted(lambda c, i: ClasswiseCalibration(c, i, 3), "probabilities"),
}


def outcome(function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except ValueError as error:
        return f"refused: {error}"


def flat(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for part in value.values():
            yield from flat(part)
    elif hasattr(value, "__dataclass_fields__") and not isinstance(value, list):
        yield from flat(vars(value))
    else:
        yield value


@pytest.mark.parametrize("ignore_index", [-1, -100, 255, 65535])
@pytest.mark.parametrize("num_classes", [1, 2, 19, 255, 256, 300, 1000])
@pytest.mark.parametrize("kind", TYPES, ids=str)
def test_every_function_gives_what_it_gives_for_int64(kind: torch.dtype, num_classes: int, ignore_index: int) -> None:
    functions = PIXELS | IMAGES | METRICS
    if num_classes <= 300:
        # Their counts have the square of the number of classes.
        functions = functions | SQUARES | METRICS_OF_SQUARES
    if num_classes <= 19 or (num_classes, kind, ignore_index) == (256, torch.uint8, -1):
        # Their counts have thousands of bins for every class.
        functions = functions | LARGE
    for foreign in (False, True):
        prediction, target = draw(kind, num_classes, ignore_index, foreign)
        given = prediction.to(kind), target.to(kind)
        assert torch.equal(given[1].long(), target)
        for name, function in functions.items():
            expected = list(flat(outcome(function, prediction, target, num_classes, ignore_index)))
            found = list(flat(outcome(function, *given, num_classes, ignore_index)))
            assert len(found) == len(expected), name
            for one, other in zip(found, expected, strict=True):
                if isinstance(other, Tensor | np.ndarray):
                    assert one.dtype == other.dtype, name
                    np.testing.assert_array_equal(np.asarray(one), np.asarray(other), err_msg=name)
                else:
                    assert one == other, name


@pytest.mark.parametrize("ignore_index", [-1, -100, 255, 65535, 0])
@pytest.mark.parametrize("num_classes", [1, 2, 19, 255, 256, 300, 1000])
@pytest.mark.parametrize(
    "kind", [*TYPES, torch.uint32, torch.uint64, torch.int64], ids=lambda kind: str(kind).removeprefix("torch.")
)
def test_masks_losses_and_counts_are_those_of_python_integers(
    kind: torch.dtype, num_classes: int, ignore_index: int
) -> None:
    prediction, target = draw(kind, num_classes, ignore_index, foreign=True)
    classes = set(range(num_classes)) - {ignore_index}
    valid = torch.tensor([label in classes for label in target.flatten().tolist()]).reshape(SHAPE)
    assert torch.equal(valid_mask(target.to(kind), num_classes, ignore_index), valid)
    log_probability = F.log_softmax(scores(num_classes), 1)
    expected = torch.zeros(SHAPE)
    for place in valid.nonzero().tolist():
        image, row, column = place
        expected[image, row, column] = -log_probability[image, target[image, row, column], row, column]
    torch.testing.assert_close(cross_entropy_map(scores(num_classes), target.to(kind), ignore_index), expected)
    legal = torch.where(valid, target, ignore_index if fits(kind, ignore_index) else 0)
    confusion = np.zeros((num_classes, num_classes), dtype=np.int64)
    for t, p in zip(legal.flatten().tolist(), prediction.flatten().tolist(), strict=True):
        if t in classes:
            confusion[t, p] += 1
    found = confusion_matrix(prediction.to(kind), legal.to(kind), num_classes, ignore_index)
    np.testing.assert_array_equal(found.numpy(), confusion)


def fits(kind: torch.dtype, number: int) -> bool:
    return torch.iinfo(kind).min <= number <= torch.iinfo(kind).max


def test_numbers_beyond_int64_are_not_negative_ids() -> None:
    target = torch.tensor([2**64 - 1, 1], dtype=torch.uint64)
    assert valid_mask(target, 2, -1).tolist() == [False, True]
    with pytest.raises(ValueError, match="found 1 to 9223372036854775807"):
        confusion_matrix(torch.zeros(2, dtype=torch.long), target, 2, -1)


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16, torch.complex64])
def test_what_is_no_whole_number_is_refused(kind: torch.dtype) -> None:
    target = torch.zeros(SHAPE, dtype=kind)
    whole = torch.zeros(SHAPE, dtype=torch.long)
    for function in PIXELS.values():
        with pytest.raises(ValueError, match=r"class ids in target, found torch\.(float32|bfloat16|complex64)"):
            function(whole, target, 2, 255)
