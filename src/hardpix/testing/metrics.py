"""Properties of metrics."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from hardpix.testing.complaints import during, named, require

if TYPE_CHECKING:
    from torchmetrics import Metric

Inputs = Mapping[str, Any]
Scores = Mapping[str, Any]


def draw_label_maps(seed: int, num_classes: int = 3, images: int = 2, unlabeled: float = 0.1) -> dict[str, Tensor]:
    """Predicted and true label maps: stripes of classes two pixels wide, with noise and unlabeled pixels (255).

    Example:
        >>> maps = draw_label_maps(seed=0)
        >>> sorted(maps), maps["target"].shape
        (['prediction', 'target'], torch.Size([2, 9, 11]))
    """
    generator = torch.Generator().manual_seed(seed)
    shape = (images, 9, 11)
    stripes = (torch.arange(shape[-1]) // 2 % num_classes).expand(shape)
    noise = torch.rand(shape, generator=generator)
    target = torch.where(noise < unlabeled, 255, stripes)
    guess = torch.randint(0, num_classes, shape, generator=generator)
    return {"prediction": torch.where(noise > 0.8, guess, stripes), "target": target}


def check_metric(
    metric: Metric,
    reference: Callable[..., Scores],
    *,
    others: Iterable[Metric] = (),
    draw: Callable[[int], Inputs] = draw_label_maps,
    rtol: float = 1e-5,
) -> None:
    """Hold a metric, a ``torchmetrics.Metric`` that returns a dictionary, against a reference and its own properties.

    - Of one batch, and of two, its scores are the reference's of all their images.
    - Halves that are merged (``merge_state``) give the whole; after ``reset`` nothing of earlier batches is left.
    - In a ``MetricCollection`` beside the same metric with other settings each keeps its own scores.
    - Maps of ids in any integer type give the same scores; so do other predictions at unlabeled pixels (255).
    - A deep copy, a pickle and a loaded state go on by themselves.

    Args:
        metric: without any batch. It stays as it is; copies are tried.
        reference: takes what ``update`` takes, by the same names; scores of all these images, by name, as tensors,
            arrays or numbers. Names that it leaves out are not compared with it.
        others: the same metric with other settings.
        draw: from a seed to what ``update`` takes, with images along the first axis of every tensor.
        rtol: relative difference to the reference that is allowed.

    Raises:
        AssertionError: what does not hold.

    Example:
        >>> from hardpix.metrics import SegmentationScores
        >>> def accuracy(prediction, target):
        ...     return {"accuracy": (prediction == target)[target != 255].double().mean()}
        >>> check_metric(SegmentationScores(3), accuracy, others=[SegmentationScores(3, ignore_index=0)])
    """
    one, two = draw(0), draw(1)
    with named(type(metric).__name__):
        _check_reference(metric, reference, one, two, rtol)
        _check_states(metric, one, two)
        _check_collection(metric, list(others), one, two)
        _check_ids(metric, one)


def _after(metric: Metric, *batches: Inputs) -> dict[str, Tensor]:
    """Scores of a copy after some batches."""
    metric = copy.deepcopy(metric)
    for batch in batches:
        metric.update(**batch)
    return {name: torch.as_tensor(value) for name, value in metric.compute().items()}


def _check_reference(metric: Metric, reference: Callable[..., Scores], one: Inputs, two: Inputs, rtol: float) -> None:
    batches = {"a batch": [one], "another batch": [two], "two batches": [one, two]}
    for what, given in batches.items():
        found = _after(metric, *given)
        expected = reference(**(given[0] if len(given) == 1 else _joined(one, two)))
        require(bool(expected), "expected at least one score of the reference, found none")
        missing = sorted(set(expected) - set(found))
        require(not missing, f"expected the reference's scores {missing}, found {sorted(found)}")
        for name, value in expected.items():
            with during(f"{name} of {what} beside the reference"):
                values = value if isinstance(value, Tensor) else torch.as_tensor(np.asarray(value))
                torch.testing.assert_close(found[name].double(), values.double(), rtol=rtol, atol=rtol, equal_nan=True)


def _check_states(metric: Metric, one: Inputs, two: Inputs) -> None:
    whole = _after(metric, one, two)
    half, rest = copy.deepcopy(metric), copy.deepcopy(metric)
    half.update(**one)
    rest.update(**two)
    with during("merge_state (a sum of states needs the class attribute full_state_update = False)"):
        half.merge_state(rest)
    _same("two merged halves", _scores(half), whole)
    half.reset()
    half.update(**one)
    _same("a batch after reset()", _scores(half), _after(metric, one))
    for what, twin in {"a deep copy": copy.deepcopy(half), "a pickle": pickle.loads(pickle.dumps(half))}.items():
        twin.update(**two)
        _same(f"{what} that goes on", _scores(twin), whole)
    _same("what was copied", _scores(half), _after(metric, one))
    half.persistent(True)
    loaded = copy.deepcopy(metric)
    loaded.load_state_dict(half.state_dict())
    loaded.update(**two)
    _same("what loaded a state and went on", _scores(loaded), whole)


def _check_collection(metric: Metric, others: list[Metric], one: Inputs, two: Inputs) -> None:
    from torchmetrics import MetricCollection

    metrics = [metric, *others]
    collection = MetricCollection({str(place): copy.deepcopy(each) for place, each in enumerate(metrics)})
    # Others may take another id as unlabeled, and refuse 255.
    one, two = _labeled(one), _labeled(two)
    # An empty first batch leaves all states equal, by which a collection takes metrics for one.
    for batch in (_first(one, 0), one, two):
        collection.update(**batch)
    for place, each in enumerate(metrics):
        what = "in a MetricCollection beside other settings (name states by the settings that they depend on)"
        _same(what, _scores(collection[str(place)]), _after(each, one, two))


def _check_ids(metric: Metric, one: Inputs) -> None:
    expected = _after(metric, one)
    for dtype in (torch.uint8, torch.int16, torch.int32):
        changed = {name: value.to(dtype) if _is_ids(value) else value for name, value in one.items()}
        _same(f"ids in {dtype}", _after(metric, changed), expected)
    if "prediction" in one and _is_ids(one["prediction"]):
        other = torch.where(one["target"] == 255, 1 - one["prediction"].clamp(max=1), one["prediction"])
        _same("other predictions at unlabeled pixels", _after(metric, {**one, "prediction": other}), expected)


def _scores(metric: Metric) -> dict[str, Tensor]:
    return {name: torch.as_tensor(value) for name, value in metric.compute().items()}


def _same(what: str, found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    with during(what):
        torch.testing.assert_close(dict(found), dict(expected), rtol=0, atol=0, equal_nan=True)


def _labeled(batch: Inputs) -> Inputs:
    return {name: value.masked_fill(value == 255, 0) if _is_ids(value) else value for name, value in batch.items()}


def _is_ids(value: Any) -> bool:
    return isinstance(value, Tensor) and not value.is_floating_point() and value.dtype != torch.bool


def _joined(one: Any, two: Any) -> Any:
    if isinstance(one, Mapping):
        return {name: _joined(one[name], two[name]) for name in one}
    return torch.cat([one, two])


def _first(batch: Any, images: int) -> Any:
    if isinstance(batch, Mapping):
        return {name: _first(value, images) for name, value in batch.items()}
    return batch[:images]
