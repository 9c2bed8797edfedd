"""Properties that every torchmetric of the library has."""

import copy
import inspect
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection

import hardpix.metrics
from hardpix.metrics.counting import CountingMetric
from hardpix.testing import check_metric
from testing import public_classes

from .every_metric import CASES, Case, draw_maps
from .references import REFERENCES

CLASSES = 3


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].shape == value.shape, name
        np.testing.assert_array_equal(found[name].numpy(), value.numpy(), err_msg=name)


def scored(metric: Metric, inputs: dict[str, Any]) -> dict[str, Tensor]:
    metric = copy.deepcopy(metric)
    metric.reset()
    metric.update(**inputs)
    return metric.compute()


def test_all_metrics_are_here() -> None:
    assert {kind.__name__ for kind in public_classes(hardpix.metrics, Metric)} == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_it_is_what_a_metric_must_be(name: str) -> None:
    case = CASES[name]
    # The reference of a single part is that of the whole.
    metric = hardpix.metrics.HardnessDeciles(CLASSES, parts=1) if name == "HardnessDeciles" else case.make(CLASSES)
    check_metric(
        metric,
        REFERENCES[name],
        others=case.others(CLASSES),
        draw=lambda seed: case.inputs(draw_maps(seed, CLASSES)),
    )


def test_a_collection_keeps_metrics_of_other_settings_apart(case: Case) -> None:
    """Their first batch has no images, so that all of their states are equal after it."""
    metrics = [case.make(CLASSES), *case.others(CLASSES)]
    collection = MetricCollection({str(place): metric for place, metric in enumerate(metrics)})
    maps = case.inputs(draw_maps(0, CLASSES, unlabelled=0))
    expected = [scored(metric, maps) for metric in metrics]
    assert any(
        not np.array_equal(expected[0][name].numpy(), other[name].numpy(), equal_nan=True)
        for other in expected[1:]
        for name in other
    )
    for _ in range(2):
        collection.update(**case.inputs(draw_maps(0, CLASSES, images=0)))
        collection.update(**maps)
        assert len(collection.compute_groups) == len(metrics)
        for place, scores in enumerate(expected):
            assert_same(collection[str(place)].compute(), scores)
        collection.reset()


def test_a_collection_of_all_metrics_of_label_maps_gives_what_each_gives_alone() -> None:
    names = [name for name, case in CASES.items() if case.takes == ("prediction", "target")]
    metrics = {
        f"{name}/{place}": metric
        for name in names
        for place, metric in enumerate([CASES[name].make(CLASSES), *CASES[name].others(CLASSES)])
    }
    maps = CASES[names[0]].inputs(draw_maps(1, CLASSES, unlabelled=0))
    expected = {name: scored(metric, maps) for name, metric in metrics.items()}
    collection = MetricCollection(dict(metrics))
    collection.update(**CASES[names[0]].inputs(draw_maps(0, CLASSES, images=0)))
    collection.update(**maps)
    for name, scores in expected.items():
        assert_same(collection[name].compute(), scores)


def test_equal_metrics_share_their_counts_in_a_collection(case: Case) -> None:
    collection = MetricCollection({"one": case.make(CLASSES), "other": case.make(CLASSES)})
    maps = case.inputs(draw_maps(0, CLASSES))
    for _ in range(2):
        collection.update(**maps)
    assert len(collection.compute_groups) == 1
    alone = case.make(CLASSES)
    for _ in range(2):
        alone.update(**maps)
    for name in ("one", "other"):
        assert_same(collection[name].compute(), alone.compute())


DECLARED = [name for name, case in CASES.items() if issubclass(getattr(hardpix.metrics, name), CountingMetric)]


@pytest.mark.parametrize("name", DECLARED)
def test_a_declared_metric_has_a_signature_that_holds(name: str) -> None:
    kind = getattr(hardpix.metrics, name)
    settings = {"num_classes": 2, "classes": [1], "thresholds": [0.25, 0.5]}
    *parameters, further = inspect.signature(kind).parameters.values()
    assert further.kind is inspect.Parameter.VAR_KEYWORD
    needed = {p.name: settings[p.name] for p in parameters if p.default is inspect.Parameter.empty}
    by_place, by_name = kind(*needed.values()), kind(**needed, sync_on_compute=False)
    assert by_place.state_names == by_name.state_names
    assert not by_name.sync_on_compute  # what the signature does not name goes to torchmetrics
    for parameter in parameters:
        expected = needed.get(parameter.name, parameter.default)
        assert getattr(by_place, parameter.name) == (tuple(expected) if isinstance(expected, list) else expected)
    with pytest.raises(TypeError, match="missing a required argument"):
        kind()
    with pytest.raises(ValueError, match="Unexpected keyword arguments: `with_lines`"):
        kind(**needed, with_lines=True)


def test_settings_are_those_of_the_moment_of_making() -> None:
    widths = [1]
    metric = hardpix.metrics.BoundaryIoU(2, widths=widths)
    widths.append(2)
    metric.update(torch.zeros(1, 3, 4, dtype=torch.long), torch.zeros(1, 3, 4, dtype=torch.long))
    assert metric.compute()["mean_boundary_iou"].tolist() == [1.0]


def test_merged_states_are_those_of_all_batches_and_other_settings_do_not_merge(case: Case) -> None:
    batches = [case.inputs(draw_maps(seed, CLASSES)) for seed in range(2)]
    whole, *parts = (case.make(CLASSES) for _ in range(3))
    for part, batch in zip(parts, batches, strict=True):
        part.update(**batch)
        whole.update(**batch)
    parts[0].merge_state(parts[1])
    assert_same(parts[0].compute(), whole.compute())
    for other in case.others(CLASSES):
        with pytest.raises(ValueError, match="settings differ"):
            parts[0].merge_state(other)


def test_saved_states_load_into_the_same_settings_alone(case: Case) -> None:
    metric, fresh = case.make(CLASSES), case.make(CLASSES)
    metric.update(**case.inputs(draw_maps(0, CLASSES)))
    metric.persistent(True)
    fresh.load_state_dict(metric.state_dict())
    fresh._update_count = 1  # torchmetrics warns of a compute before any update
    assert_same(fresh.compute(), metric.compute())
    for other in case.others(CLASSES):
        with pytest.raises(RuntimeError, match="Unexpected key"):
            other.load_state_dict(metric.state_dict())


def test_states_that_were_saved_under_their_short_names_load(case: Case) -> None:
    metric, fresh = case.make(CLASSES), case.make(CLASSES)
    metric.update(**case.inputs(draw_maps(0, CLASSES)))
    saved = {short: getattr(metric, short) for short in metric.state_names}
    assert all(" " not in name for name in saved)
    fresh.load_state_dict(saved)
    fresh._update_count = 1
    assert_same(fresh.compute(), metric.compute())
    larger = case.make(CLASSES + 1)
    if any(getattr(larger, short).shape != state.shape for short, state in saved.items()):
        with pytest.raises(RuntimeError, match="Unexpected key"):
            larger.load_state_dict(saved)


def test_copies_and_pickles_count_on_by_themselves(case: Case) -> None:
    maps = case.inputs(draw_maps(0, CLASSES))
    metric = case.make(CLASSES)
    metric.update(**maps)
    for twin in (copy.deepcopy(metric), pickle.loads(pickle.dumps(metric))):
        assert_same(twin.compute(), metric.compute())
        twin.update(**maps)
        twice = case.make(CLASSES)
        twice.update(**maps)
        twice.update(**maps)
        assert_same(twin.compute(), twice.compute())
    assert all(state.dtype == torch.int64 for state in metric.metric_state.values())


def test_a_single_class_has_the_axes_of_several(case: Case) -> None:
    """No axis but that of the classes has three entries, whatever the metric."""
    shapes = {}
    for classes in (1, 3):
        metric = case.make(classes)
        found = metric(**case.inputs(draw_maps(0, classes)))
        assert {k: v.shape for k, v in metric.compute().items()} == {k: v.shape for k, v in found.items()}
        shapes[classes] = {name: tuple(value.shape) for name, value in found.items()}
    expected = {name: tuple(1 if axis == 3 else axis for axis in shape) for name, shape in shapes[3].items()}
    assert shapes[1] == expected


def test_a_single_radius_keeps_its_axis() -> None:
    maps = CASES["ThinParts"].inputs(draw_maps(0, CLASSES))
    for metric, name in (
        (hardpix.metrics.ThinParts(CLASSES, radii=[1]), "mean_thin_iou"),
        (hardpix.metrics.BoundaryF(CLASSES, tolerances=[1]), "mean_boundary_f"),
        (hardpix.metrics.BoundaryIoU(CLASSES, widths=[1]), "mean_boundary_iou"),
    ):
        assert scored(metric, maps)[name].shape == (1,)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.takes == ("prediction", "target")])
def test_single_images_are_refused(name: str) -> None:
    image = torch.zeros(4, 5, dtype=torch.long)
    with pytest.raises(ValueError, match=r"target of shape \(B, H, W\), found \(4, 5\); for a single image"):
        CASES[name].make(CLASSES).update(image, image)
    with pytest.raises(ValueError, match=r"target of shape \(B, H, W\), found \(2, 1, 4, 5\)"):
        CASES[name].make(CLASSES).update(image.expand(2, 1, 4, 5), image.expand(2, 1, 4, 5))


@pytest.mark.parametrize("name", [name for name in CASES if name != "SegmentationScores"])
def test_nothing_of_a_refused_batch_is_counted(name: str) -> None:
    maps = draw_maps(0, CLASSES)
    maps["target"][1, 3, 4] = CLASSES
    metric = CASES[name].make(CLASSES)
    with pytest.raises(ValueError, match="found others in 1 pixels"):
        metric.update(**CASES[name].inputs(maps))
    assert not any(state.any() for state in metric.metric_state.values())
