"""A signal of a user's own that learns sizes from the training set: fit, resume, mine, test, and as a teacher."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from hardpix.training.frozen_run import FrozenRun
from hardpix.training.run import Run
from runs import Data, logits_by_hand, read, run_hardpix, weights

IDS = (0, 7, 200)


def objective(name: str) -> list[str]:
    signal = f"{{class_path: my_prepared.{name}}}"
    return ["--model.objective", f"{{class_path: WeightedCrossEntropy, init_args: {{signal: {signal}}}}}"]


def class_counts(run: Run, data: Data) -> np.ndarray:
    stems = yaml.safe_load(run.split.read_text())["train"]["stems"]
    return sum(np.array([(read(data.masks / f"{stem}.png") == k).sum() for k in IDS]) for stem in stems)


@pytest.mark.parametrize("name", ["MadeInPrepare", "DeclaredEmpty", "DeclaredNone"])
def test_every_command_brings_it_back(name: str, fit_tiny: Callable[..., Run], data: Data, tmp_path: Path) -> None:
    run = fit_tiny(*objective(name), "--trainer.max_epochs", 1)
    counts = class_counts(run, data)
    expected = 2 - counts / counts.sum()
    outcome = run_hardpix("fit", "--run", run.path, "--resume", "--trainer.max_epochs", 2)
    assert outcome.code == 0, outcome.err
    saved = torch.load(run.checkpoint("last"), weights_only=True)
    assert saved["epoch"] == 1
    np.testing.assert_allclose(saved["state_dict"]["recipe.objective.signal.rarity"], expected, rtol=1e-6)

    images = ["--run", run.path, "--images", data.images, "--out", tmp_path / "mined"]
    outcome = run_hardpix("mine", *images, "--signal", name)
    assert outcome.code == 0, outcome.err
    stem = "frame_004"
    likely = logits_by_hand(run, read(data.images / f"{stem}.png")).argmax(0).numpy()
    np.testing.assert_allclose(np.load(tmp_path / "mined" / "rarity" / f"{stem}.npy"), expected[likely], rtol=1e-6)

    outcome = run_hardpix("test", "--run", run.path)
    assert outcome.code == 0, outcome.err
    teacher = FrozenRun(run.path, trust=True)
    assert teacher({"image": torch.zeros(1, 3, 32, 32)}).logits.shape == (1, 3, 32, 32)


def test_a_signal_that_needs_no_such_buffer_is_another_one(fit_tiny: Callable[..., Run], tmp_path: Path) -> None:
    run = fit_tiny(*objective("MadeInPrepare"), "--trainer.max_epochs", 1)
    shutil.copytree(run.path, tmp_path / "run")
    resume = ["--run", tmp_path / "run", "--resume", "--trainer.max_epochs", 2]
    outcome = run_hardpix("fit", *resume, *objective("NotPrepared"))
    assert outcome.code == 2
    assert "expected the network and objective that" in outcome.err
    assert "recipe.objective.signal.rarity" in outcome.err


def test_a_run_tells_of_its_training_set(tiny_run: Run, data: Data) -> None:
    info = tiny_run.dataset_info()
    assert info.class_names == ("class 0", "class 7", "class 200")
    assert info.ignore_index == 255
    assert info.class_counts == tuple(class_counts(tiny_run, data))
    assert "recipe.objective.signal.rarity" not in weights(tiny_run)
