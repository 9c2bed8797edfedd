"""Every metric on 300 extreme batches: counted in parts, in any order, type and layout, it says the same."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import pytest
import torch
from hypothesis import example, given
from torch import Tensor
from torchmetrics import Metric

import hardpix.metrics
from extreme_batches import CASES, FEW, Case, cases, missing, of_classes, relaid, taken

from .every_metric import CASES as METRICS

pytestmark = pytest.mark.slow

WIDE = {torch.uint8: torch.int64, torch.int16: torch.int64, torch.int32: torch.int64}
WIDE |= {torch.float16: torch.float32, torch.bfloat16: torch.float32}


# Few at a time, for a state of many classes takes 60 MB.
@lru_cache(maxsize=16)
def made(name: str, classes: int, ignore_index: int) -> Metric:
    lines = {"classes": [0, classes - 1][:classes]} if name == "ClDice" else {}
    return METRICS[name].make(classes, ignore_index=ignore_index, **lines)


def inputs(name: str, case: Case) -> dict[str, Tensor]:
    """Tensors that the metric takes, with each of the masks as one of its own, "masks.one"."""
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


def counted(metric: Metric, batch: Mapping[str, Tensor]) -> Metric:
    """A copy of the metric after one batch, which may have no image."""
    metric = copy.deepcopy(metric)
    masks = {key.split(".")[1]: value for key, value in batch.items() if "." in key}
    given: dict[str, Any] = {key: value for key, value in batch.items() if "." not in key}
    metric.update(**given | ({"masks": masks} if masks else {}))
    return metric


@pytest.mark.parametrize("name", METRICS)
@CASES
@given(case=cases(classes=FEW))
@example(case=of_classes(255))
@example(case=of_classes(1000))
def test_parts_in_another_order_layout_and_type_merge_to_the_whole(name: str, case: Case) -> None:
    if name == "ClasswiseCalibration" and case.classes == 1000:
        return  # a histogram of 65536 values of each class of each image: seconds
    metric, batch = made(name, case.classes, case.ignore_index), inputs(name, case)
    whole = counted(metric, batch)
    turned = {
        key: relaid(value.to(WIDE.get(value.dtype, value.dtype)).flip(0), case.layout) for key, value in batch.items()
    }
    merged, rest = (counted(metric, taken(turned, images)) for images in (slice(0, 1), slice(1, None)))
    merged.merge_state(rest)
    for key, state in whole.metric_state.items():
        assert torch.equal(getattr(merged, key), state), key
    for key, value in whole.compute().items():
        if value.is_floating_point():
            known = value[~value.isnan()]
            # Above the AURC of a perfect ranking, up to rounding; all others are shares.
            assert (known >= (-1e-12 if key == "excess_aurc" else 0)).all(), (key, value)
            assert (known <= 1).all(), (key, value)
        else:
            assert (value >= 0).all(), (key, value)


def test_every_metric_has_cases() -> None:
    given = {getattr(hardpix.metrics, name) for name in METRICS}
    sentence = missing(given, hardpix.metrics, Metric, "every_metric.py")
    assert not sentence, sentence
