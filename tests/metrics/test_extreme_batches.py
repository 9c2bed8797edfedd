"""Every metric on 300 extreme batches: counted in parts, in any order, in any type and layout, it says the same."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import pytest
import torch
from hypothesis import given
from torch import Tensor
from torchmetrics import Metric

import hardpix.metrics
from extreme_batches import CASES, FEW, Case, cases, joined, missing, relaid, taken

from .every_metric import CASES as METRICS

# A state of 1000 × 1000 or of 4096 × 255 numbers takes longer than all else: few cases have one.
CLASSES = (*(12 * FEW), 255, 1000)
# Values in a unit of their own, and what is a difference of shares.
NO_SHARES = ("excess_aurc",)


# Few at a time, for a state of many classes takes 60 MB.
@lru_cache(maxsize=16)
def made(name: str, case_classes: int, ignore_index: int) -> Metric:
    lines = {"classes": [0, case_classes - 1][:case_classes]} if name == "ClDice" else {}
    return METRICS[name].make(case_classes, ignore_index=ignore_index, **lines)


def inputs(name: str, case: Case) -> dict[str, Tensor]:
    """What the metric takes, with masks by names of their own, so that all are tensors of images."""
    given = case.tensors("prediction", "logits", "weight", "depth")
    levels = given["weight"].to(case.floats)
    maps = {
        "prediction": given["prediction"],
        "target": given["target"],
        # Ties, 0 and 1 are there too.
        "hardness": torch.where(levels < 0.3, 0, torch.where(levels > 0.8, 1, levels)),
        "confidence": levels,
        "probabilities": given["logits"].float().softmax(1).to(case.floats),
        "masks.one": given["weight"] > 0.5,
        "masks.two": given["depth"] > 1,
    }
    return {key: value for key, value in maps.items() if key.split(".")[0] in METRICS[name].takes}


def counted(metric: Metric, *batches: Mapping[str, Tensor]) -> Metric:
    metric = copy.copy(metric)
    metric.reset()
    for batch in batches:
        masks = {key.split(".")[1]: value for key, value in batch.items() if "." in key}
        given: dict[str, Any] = {key: value for key, value in batch.items() if "." not in key}
        metric.update(**given | ({"masks": masks} if masks else {}))
    return metric


def same(found: Metric, expected: Mapping[str, Tensor], what: str) -> None:
    for name, state in expected.items():
        assert torch.equal(getattr(found, name), state), what


@pytest.mark.parametrize("name", METRICS)
@CASES
@given(case=cases(classes=CLASSES))
def test_counts_are_the_same_whatever_must_not_matter(name: str, case: Case) -> None:
    metric, batch = made(name, case.classes, case.ignore_index), inputs(name, case)
    counts = counted(metric, batch)
    states = {key: value.clone() for key, value in counts.metric_state.items()}
    wide = {key: value.to(WIDE.get(value.dtype, value.dtype)).flip(0) for key, value in batch.items()}
    turned = {key: relaid(value, case.layout) for key, value in wide.items()}
    same(counted(metric, turned), states, "in reverse, laid out otherwise, in int64 and float32")
    images = [taken(batch, slice(k, k + 1)) for k in range(case.size[0])]
    same(counted(metric, *images), states, "image after image")
    merged = counted(metric, images[0])
    merged.merge_state(counted(metric, *images[1:]) if len(images) > 1 else counted(metric))
    same(merged, states, "merged states")
    twice = counted(metric, joined([batch, batch]))
    same(twice, {key: 2 * value for key, value in states.items()}, "the same images twice")
    for key, value in counts.compute().items():
        if value.is_floating_point():
            known = value[~value.isnan()]
            low = -1e-12 if key not in NO_SHARES else -1
            assert ((known >= low) & (known <= 1 + 1e-12)).all(), (key, value)
        else:
            assert (value >= 0).all(), (key, value)


WIDE = {
    torch.uint8: torch.int64,
    torch.int16: torch.int64,
    torch.int32: torch.int64,
    torch.float16: torch.float32,
    torch.bfloat16: torch.float32,
}


def test_every_metric_has_cases() -> None:
    given = {getattr(hardpix.metrics, name) for name in METRICS}
    assert not missing(given, hardpix.metrics, Metric, "every_metric.py")
