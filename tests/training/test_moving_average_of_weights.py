"""Lightning's moving average of the weights: what is validated, saved and resumed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from hardpix.training.run import Run
from runs import TINY, Data, run_hardpix, weights

AVERAGE = ("--trainer.callbacks+", "lightning.pytorch.callbacks.EMAWeightAveraging", "--trainer.callbacks.decay")
# A rate that does not depend on the length of the training.
STEADY = ("--model.power", 0, "--model.warmup", 0)


@pytest.fixture
def fit(data: Data, tmp_path: Path) -> Callable[..., Run]:
    def trained(name: str, *more: object) -> Run:
        given = [] if "--resume" in more else [*data.arguments, *TINY, *STEADY, *AVERAGE, 0.5]
        outcome = run_hardpix("fit", *given, "--run", tmp_path / name, *more)
        assert outcome.code == 0, outcome.err
        return Run(tmp_path / name, trusted=True)

    return trained


def test_checkpoints_hold_the_average_of_the_steps(fit: Callable[..., Run]) -> None:
    """After two steps at decay ½ the average is the mean of the weights after the first and after the second."""
    batch = ("--trainer.limit_train_batches", 1)
    first, second = (fit(f"run_{count}", *batch, "--trainer.max_epochs", count) for count in (1, 2))
    steps = [torch.load(run.checkpoint("last"), weights_only=True)["current_model_state"] for run in (first, second)]
    found = weights(second)
    learned = [name for name, value in found.items() if value.is_floating_point() and "running" not in name]
    for name in learned:
        torch.testing.assert_close(found[name], 0.5 * steps[0][name] + 0.5 * steps[1][name])
    assert sum(not torch.equal(steps[0][name], steps[1][name]) for name in learned) > 5
    used = second.load_task("last").state_dict()
    assert all(torch.equal(used[name], found[name]) for name in learned)


def test_resumed_training_equals_one_that_was_never_interrupted(fit: Callable[..., Run]) -> None:
    whole = fit("whole", "--trainer.max_epochs", 3)
    part = fit("part", "--trainer.max_epochs", 1)
    fit("part", "--resume", "--trainer.max_epochs", 3)
    expected, found = weights(whole), weights(part)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        assert torch.equal(found[name], value), name
