"""Lines on the progress of a training whose output is no terminal."""

from __future__ import annotations

import re
from functools import partial
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from hardpix.cli.terminal import Terminal
from hardpix.training.plain_progress import PlainProgress
from hardpix.training.run import Run
from runs import TINY, Data, rows, run_hardpix


def fit(data: Data, run: Path, *given: object) -> str:
    outcome = run_hardpix("fit", *data.arguments, *TINY, "--run", run, *given)
    assert outcome.code == 0, outcome.err
    return outcome.out


@pytest.mark.parametrize(
    "settings",
    [["--data.batch_size", 2], ["--data.batch_size", 2, "--trainer.accumulate_grad_batches", 2]],
    ids=["a batch a step", "two batches a step"],
)
def test_a_line_has_the_loss_that_is_logged_and_the_steps_there_are(
    settings: list[object], data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hardpix.training.build_trainer.PlainProgress", partial(PlainProgress, seconds=0))
    said = fit(data, tmp_path / "run", "--trainer.log_every_n_steps", 1, *settings)
    found = [
        (int(step.replace(",", "")), int(of), float(loss))
        for step, of, loss in re.findall(r"^epoch \d/2, step ([\d,]+) of (\d+): loss ([\d.]+)", said, re.M)
    ]
    logged = [float(row["train/loss"]) for row in rows(Run(tmp_path / "run")) if row["train/loss"]]
    printed = [loss for *_, loss in found]
    assert logged
    for value in logged:
        assert min(abs(value - each) for each in printed) <= 1e-4
    last, total, _ = found[-1]
    assert last == total == max(step for step, *_ in found)
    assert "validation: batch 1 of " in said
    assert "less than a minute left" in said


def test_a_short_training_says_nothing_more_and_who_asks_for_silence_has_it(
    data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ", step " not in fit(data, tmp_path / "short")
    monkeypatch.setattr("hardpix.training.build_trainer.PlainProgress", partial(PlainProgress, seconds=0))
    assert ", step " not in fit(data, tmp_path / "silent", "--trainer.enable_progress_bar", "false")


@pytest.fixture
def training() -> Any:
    """A trainer of 1,000 steps, resumed after the 100th."""
    return SimpleNamespace(
        is_global_zero=True,
        global_step=100,
        estimated_stepping_batches=1000,
        max_epochs=10,
        current_epoch=1,
        accumulate_grad_batches=4,
        sanity_checking=False,
        num_val_batches=[7],
    )


def test_a_line_a_minute_and_the_time_left_at_the_pace_since_the_start(training: Any) -> None:
    now, out = [0.0], StringIO()
    progress = PlainProgress(Terminal(file=out, width=200), clock=lambda: now[0])
    progress.on_train_start(training, None)
    for _ in range(60):
        now[0] += 7
        training.global_step += 1
        progress.on_train_batch_end(training, None, {"loss": torch.tensor(0.25)}, None, 0)
    lines = out.getvalue().splitlines()
    # Every 9 steps are 63 s; after 9 steps 891 are left, of 7 s each.
    assert len(lines) == 6
    assert lines[0] == "epoch 2/10, step 109 of 1,000: loss 1.0000, 1 h 44 min left"


def test_an_end_that_is_not_known_is_not_made_up(training: Any) -> None:
    now, out = [0.0], StringIO()
    training.estimated_stepping_batches, training.max_epochs = float("inf"), -1
    progress = PlainProgress(Terminal(file=out, width=200), seconds=1, clock=lambda: now[0])
    progress.on_train_start(training, None)
    now[0] = 5
    progress.on_train_batch_end(training, None, {"loss": torch.tensor(0.25)}, None, 0)
    assert out.getvalue() == "epoch 2, step 100: loss 1.0000\n"


def test_other_processes_and_the_first_look_at_the_validation_are_silent(training: Any) -> None:
    out = StringIO()
    progress = PlainProgress(Terminal(file=out), seconds=0)
    training.sanity_checking = True
    progress.on_validation_batch_end(training, None, None, None, 0)
    training.sanity_checking = training.is_global_zero = False
    progress.on_train_batch_end(training, None, {"loss": torch.tensor(0.25)}, None, 0)
    progress.on_validation_batch_end(training, None, None, None, 0)
    assert out.getvalue() == ""
