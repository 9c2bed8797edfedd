"""Two processes on the CPU, started as a user starts them, against one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from hardpix.training.run import Run
from runs import OWN_CODE, TINY, Data, column, run_hardpix, weights

pytestmark = pytest.mark.slow

# Two processes see batches of 2 where one process sees batches of 4. Of the 5 images held out one process has 3 and the
# other 2. BatchNorm with its statistics held fixed: in training mode they are those of each process.
STEPS = ("--trainer.max_epochs", "2", "--trainer.limit_train_batches", "1", "--data.val_share", "0.4")
STEPS += ("--model.network.norm", "frozen", "--model.optimizer", "SGD", "--model.optimizer.lr", "0.5")


def fit_with_two(data: Data, run: Path) -> str:
    command = [sys.executable, "-m", "hardpix", "fit", *data.arguments, *TINY, "--run", str(run), *STEPS]
    command += ["--trainer.devices", "2", "--trainer.strategy", "ddp", "--data.batch_size", "2"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(OWN_CODE), *sys.path]), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment, cwd=run.parent)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def together(data: Data, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, str]:
    run = tmp_path_factory.mktemp("two") / "run"
    said = fit_with_two(data, run)
    return Run(run, trusted=True), said


@pytest.fixture(scope="module")
def alone(data: Data, tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = tmp_path_factory.mktemp("one") / "run"
    outcome = run_hardpix("fit", *data.arguments, *TINY, *STEPS, "--run", run, "--data.batch_size", 4)
    assert outcome.code == 0, outcome.err
    return Run(run, trusted=True)


def test_two_processes_learn_what_one_learns_from_the_joined_batches(together: tuple[Run, str], alone: Run) -> None:
    expected, found = weights(alone), weights(together[0])
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-6)


def test_every_held_out_image_is_scored_once(together: tuple[Run, str], alone: Run) -> None:
    assert "Validation: 5 of 12 images" in " ".join(together[1].split())
    for name in ("val/miou", "val/border_miou", "val/accuracy", "val/loss"):
        assert column(together[0], name) == pytest.approx(column(alone, name), rel=1e-3)


def test_one_process_speaks_and_writes_for_both(together: tuple[Run, str]) -> None:
    folder, said = together
    assert said.count("contiguous blocks") == said.count("epoch 1/2") == said.count("best validation mIoU") == 1
    assert {file.name for file in folder.path.parent.iterdir()} == {"run"}
    assert {file.name for file in folder.logs.iterdir()} == {"part_0"}
