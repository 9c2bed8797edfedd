"""Some steps of two processes against those of one on the joined batches, in float32."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
import torch

from processes import run_in_two_processes

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).with_name("steps_in_two_processes.py")
SCENE = runpy.run_path(str(SCRIPT))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    return run_in_two_processes(SCRIPT, tmp_path_factory.mktemp("processes"))


def test_an_uneven_number_of_images_gives_as_many_batches_to_each(results: tuple[dict[str, Any], ...]) -> None:
    first, second = (rank["batches"] for rank in results)
    assert [len(image) for image, _ in first] == [len(image) for image, _ in second] == [2, 2, 2, 2]
    assert [bool((target == 255).all()) for _, target in second] == [False, True, False, True]
    for epoch in range(SCENE["EPOCHS"]):
        seen = torch.cat([image for rank in (first, second) for image, _ in rank[2 * epoch : 2 * epoch + 2]])
        # Each image once, and one of them a second time.
        assert len(seen) == SCENE["IMAGES"] + 1
        assert len(torch.unique(seen, dim=0)) == SCENE["IMAGES"]


@pytest.mark.parametrize("case", SCENE["CASES"])
def test_two_processes_have_the_weights_of_one(case: str, results: tuple[dict[str, Any], ...]) -> None:
    step = SCENE["make_step"](case)
    before = {name: value.detach().clone() for name, value in step.named_parameters()}
    expected_losses = SCENE["train"](step, SCENE["joined"](case == "contrast"))
    expected = dict(step.named_parameters())
    # In one step of two the second process has no label.
    assert len(expected_losses) == (2 if case == "contrast" else 4)
    for weights, _ in (rank[case] for rank in results):
        assert weights.keys() == expected.keys()
        for name, value in weights.items():
            torch.testing.assert_close(value, expected[name], rtol=1e-4, atol=1e-6)
    assert all((expected[name] - value).abs().max() > 1e-3 for name, value in before.items() if value.dim() > 1)
    for number, parts in enumerate(expected_losses):
        mean = (results[0][case][1][number]["loss"] + results[1][case][1][number]["loss"]) / 2
        torch.testing.assert_close(mean, parts["loss"], rtol=1e-4, atol=1e-6)
        assert all(part.isfinite() for rank in results for part in rank[case][1][number].values())
