"""Labelers inside of a recipe: two processes, and a training that is gone on with from within an epoch."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from processes import run_in_two_processes

from .labelers_in_two_processes import LABELERS, Training

SCRIPT = Path(__file__).with_name("labelers_in_two_processes.py")


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    return run_in_two_processes(SCRIPT, tmp_path_factory.mktemp("labelers"))


@pytest.mark.slow
@pytest.mark.parametrize("name", LABELERS)
def test_two_processes_are_one_with_the_joined_batch(name: str, ranks: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """One process has no label in the second step; weights, teacher and counts after four steps and an epoch."""
    whole = Training(name)
    start = whole.state()
    whole.train(range(4))
    expected = whole.state()
    assert any(not torch.equal(start[key], value) for key, value in expected.items() if key in start)
    for rank in ranks:
        assert rank[name].keys() == expected.keys()
        for key, value in expected.items():
            torch.testing.assert_close(rank[name][key], value, msg=f"{name} {key}")


@pytest.mark.parametrize("stop", [1, 2, 4])
@pytest.mark.parametrize("name", LABELERS)
def test_a_training_goes_on_from_within_an_epoch_as_if_it_had_not_stopped(name: str, stop: int) -> None:
    """Epochs end after steps 3 and 6; the checkpoint lies within the first or the second one."""
    whole = Training(name)
    whole.train(range(6))
    first = Training(name)
    first.train(range(stop))
    saved = copy.deepcopy((first.recipe.state_dict(), first.optimizer.state_dict()))
    second = Training(name)
    with torch.no_grad():
        # So that a weight that is not loaded would be seen.
        for parameter in second.recipe.network.parameters():
            parameter += 1
    second.recipe.load_state_dict(saved[0])
    second.optimizer.load_state_dict(saved[1])
    second.train(range(stop, 6))
    expected = whole.state()
    for key, value in second.state().items():
        assert torch.equal(value, expected[key]), key


def test_the_counts_of_an_epoch_that_was_broken_off_are_in_the_checkpoint() -> None:
    """Pixels labeled in the first two steps: half of 4 × 48 and half of 2 × 48, drawn as the batches are."""
    from .labelers_in_two_processes import batches

    training = Training("early learning")
    training.train(range(2))
    target = torch.cat([batches(step, None)["labeled"]["target"] for step in range(2)])
    counted = training.recipe.state_dict()["labeler.counts"][1]
    assert counted.tolist() == [(target == k).sum().item() for k in range(3)]
