"""Statistics of classes against numpy's of everything at once."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from hardpix.objectives.contrast import ClassStatistics
from processes import run_in_two_processes

SCRIPT = Path(__file__).with_name("two_processes.py")
SCENE = runpy.run_path(str(SCRIPT))
CLASSES, CHANNELS, drawn = SCENE["CLASSES"], SCENE["CHANNELS"], SCENE["drawn"]


def assert_are_of(statistics: ClassStatistics, vectors: Tensor, classes: Tensor) -> None:
    for k in range(CLASSES):
        own = vectors[classes == k].double().numpy()
        assert statistics.count[k] == len(own)
        for found, of in ((statistics.mean, np.mean), (statistics.variance, np.var)):
            expected = of(own, axis=0) if len(own) else np.zeros(CHANNELS)
            np.testing.assert_allclose(found[k].numpy(), expected, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("counts", [[50], [1, 1, 1, 1], [7, 0, 200, 3], [0]])
def test_fed_in_pieces_they_are_those_of_everything(counts: list[int]) -> None:
    statistics = ClassStatistics(CLASSES, CHANNELS)
    pieces = drawn(counts)
    for piece in pieces:
        statistics.store(*piece)
    assert_are_of(statistics, *(torch.cat(each) for each in zip(*pieces, strict=True)))


def test_nothing_is_forgotten_by_many_pieces() -> None:
    statistics = ClassStatistics(CLASSES, CHANNELS)
    pieces = drawn([20] * 300)
    for piece in pieces:
        statistics.store(*piece)
    assert_are_of(statistics, *(torch.cat(each) for each in zip(*pieces, strict=True)))


def test_vectors_that_are_not_finite_are_left_out() -> None:
    statistics = ClassStatistics(CLASSES, CHANNELS)
    ((vectors, classes),) = drawn([30])
    spoiled = vectors.clone()
    spoiled[3, 1], spoiled[8, 0] = torch.nan, torch.inf
    statistics.store(spoiled, classes)
    kept = spoiled.isfinite().all(1)
    assert_are_of(statistics, vectors[kept], classes[kept])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_vectors_of_other_types(dtype: torch.dtype) -> None:
    statistics = ClassStatistics(CLASSES, CHANNELS)
    statistics.store(torch.tensor([[0.0, 1, 2, 3], [2.0, 1, 2, 3]], dtype=dtype), torch.tensor([1, 1]))
    assert statistics.mean[1].tolist() == [1, 1, 2, 3]
    assert statistics.variance[1].tolist() == [1, 0, 0, 0]
    assert statistics.mean.dtype == torch.float32


def test_they_go_on_from_a_checkpoint() -> None:
    first, second = ClassStatistics(CLASSES, CHANNELS), ClassStatistics(CLASSES, CHANNELS)
    pieces = drawn([9, 8])
    first.store(*pieces[0])
    second.load_state_dict(first.state_dict())
    for statistics in (first, second):
        statistics.store(*pieces[1])
    for name, values in first.state_dict().items():
        assert torch.equal(values, second.state_dict()[name])


@pytest.mark.slow
def test_two_processes_have_those_of_both(tmp_path: Path) -> None:
    found = run_in_two_processes(SCRIPT, tmp_path)
    pieces = drawn(SCENE["COUNTS"])
    for name, values in found[0].items():
        assert torch.equal(values, found[1][name]), name
    both = ClassStatistics(CLASSES, CHANNELS)
    both.load_state_dict(found[0])
    assert_are_of(both, *(torch.cat(each) for each in zip(*pieces, strict=True)))
