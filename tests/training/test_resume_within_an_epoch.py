"""A run that was broken off inside an epoch ends where one that was not ends, bit for bit."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import my_networks
import numpy as np
import pytest
import torch
from PIL import Image

from hardpix.training.run import Run
from runs import TINY, Data, run_hardpix

from .test_resume import stopped_at

PLAIN = "hardpix.objectives.WeightedCrossEntropy"
# 10 images in batches of 2: 5 steps an epoch. Dropout, momentum and batch norm have a state or draw.
SETTINGS = (
    *("--model.network.dropout", "0.3", "--model.network.norm", "batch", "--data.batch_size", "2"),
    *("--trainer.max_epochs", "3", "--trainer.log_every_n_steps", "1"),
)
MIX = "{class_path: hardpix.data.batch_transforms.CutMix, init_args: {probability: 1.0}}"
HARD = "{class_path: hardpix.signals.HardnessLevel, init_args: {form: graded}}"
RULE = "{class_path: hardpix.labelers.thresholds.ClassFloor}"
LABELER = (
    "{class_path: hardpix.labelers.TrustedBy, init_args: {signal: "
    + HARD
    + ", labeler: {class_path: hardpix.labelers.ConfidenceWeighted, init_args: {decay: 0.9, threshold: "
    + RULE
    + "}}}}"
)
TWO_STREAMS = (
    *("--model.recipe", "hardpix.recipes.SelfTraining", "--model.recipe.objective", PLAIN),
    *("--model.recipe.objective.signal", "hardpix.signals.HardnessLevel"),
    *("--model.recipe.teacher", "my_recipes.Follower", "--model.recipe.labeler", "my_recipes.MostLikely"),
    *("--model.recipe.augment", MIX, "--model.recipe.partner", "unlabeled", "--model.recipe.ramp", "0.5"),
    *("--model.recipe.both", "hardpix.objectives.ClassContrast", "--model.recipe.both.channels", "4"),
)
# A learned signal that labels are judged by, and thresholds that follow the teacher.
WEIGHED = (
    *("--model.recipe.objective", PLAIN, "--model.recipe.teacher", "hardpix.teachers.MovingAverage"),
    *("--model.recipe.labeler", LABELER, "--model.recipe.augment", MIX, "--model.recipe.ramp", "0.5"),
)
STREAMS: dict[str, tuple[str, ...]] = {
    "labeled": (),
    "two streams": TWO_STREAMS,
    "judged labels": ("--model.recipe", "hardpix.recipes.SelfTraining", *WEIGHED),
    "deep future": ("--model.recipe", "hardpix.recipes.FutureSelfTraining", *WEIGHED),
    "wide future": ("--model.recipe", "hardpix.recipes.FutureSelfTraining", *WEIGHED, "--model.recipe.future", "wide"),
}


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven images without masks, so that passes over them end within epochs and batches."""
    folder = tmp_path_factory.mktemp("others")
    rng = np.random.default_rng(3)
    for k in range(7):
        Image.fromarray(rng.integers(0, 255, (40, 56, 3), np.uint8)).save(folder / f"extra_{k}.png")
    return folder


@pytest.fixture(scope="module", params=STREAMS, ids=lambda name: name)
def arguments(request: Any, data: Data, others: Path) -> list[object]:
    given: list[object] = [*data.arguments, *TINY, *SETTINGS, *STREAMS[request.param]]
    if request.param != "labeled":
        given += ["--data.streams", f"{{unlabeled: {{images: {others}, batch_size: 3}}}}"]
    return given


@pytest.fixture(scope="module")
def whole(arguments: list[object], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return fit(tmp_path_factory.mktemp("whole") / "run", *arguments)


def fit(run: Path, *given: object) -> dict[str, Any]:
    outcome = run_hardpix("fit", *given, "--run", run)
    assert outcome.code == 0, outcome.err
    return last(run)


def last(run: Path) -> dict[str, Any]:
    return torch.load(Run(run).checkpoint("last"), weights_only=True)


def assert_same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert found["global_step"] == expected["global_step"]
    assert found["state_dict"].keys() == expected["state_dict"].keys()
    for name, value in expected["state_dict"].items():
        assert torch.equal(torch.as_tensor(found["state_dict"][name]), torch.as_tensor(value)), name
    for name, state in expected["optimizer_states"][0]["state"].items():
        for key, value in state.items():
            assert torch.equal(found["optimizer_states"][0]["state"][name][key], value), (name, key)
    assert found["lr_schedulers"] == expected["lr_schedulers"]


def losses(run: Path) -> list[str]:
    """Training losses of every step, as they were written, of all parts of a run."""
    found = []
    for part in sorted(Run(run).logs.iterdir()):
        with (part / "metrics.csv").open(newline="") as file:
            found += [row["train/loss"] for row in csv.DictReader(file) if row.get("train/loss")]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(("epoch", "batch"), [(0, 2), (1, 1), (2, 3)])
def test_killed_after_a_checkpoint_within_an_epoch(
    epoch: int, batch: int, workers: int, arguments: list[object], whole: dict[str, Any], tmp_path: Path
) -> None:
    """A checkpoint after every step; what was killed before the next one is done again."""
    run = tmp_path / "run"
    given = [*arguments, "--data.workers", workers, "--checkpoint_minutes", 0]
    with pytest.raises(my_networks.Interruption):
        run_hardpix("fit", *given, "--run", run, *stopped_at(epoch, batch))
    assert last(run)["global_step"] == 5 * epoch + batch
    torch.manual_seed(123456)
    outcome = run_hardpix("fit", "--run", run, "--resume")
    assert outcome.code == 0, outcome.err
    assert "not resumable" not in outcome.err
    assert_same(last(run), whole)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("stops", [(3,), (8,), (5, 7, 10)])
def test_ended_by_a_number_of_steps_and_gone_on_with_more(
    stops: tuple[int, ...], workers: int, arguments: list[object], tmp_path: Path
) -> None:
    """Rates and weights that depend on the length of the training are held fixed: it changes."""
    fixed = [*arguments, "--data.workers", workers, "--model.power", 0, "--model.warmup", 0, "--trainer.max_epochs", -1]
    fixed += ["--model.recipe.ramp", 0] if "--model.recipe" in arguments else []
    expected = fit(tmp_path / "whole", *fixed, "--trainer.max_steps", 12)
    stopped = fit(tmp_path / "run", *fixed, "--trainer.max_steps", stops[0])
    assert stopped["global_step"] == stops[0]
    for more in (*stops[1:], 12):
        outcome = run_hardpix("fit", "--run", tmp_path / "run", "--resume", "--trainer.max_steps", more)
        assert outcome.code == 0, outcome.err
        assert last(tmp_path / "run")["global_step"] == more
    found = last(tmp_path / "run")
    found["lr_schedulers"] = expected["lr_schedulers"]
    assert_same(found, expected)
    assert losses(tmp_path / "run") == losses(tmp_path / "whole")


def test_gradients_that_are_added_up_are_not_cut_apart(arguments: list[object], tmp_path: Path) -> None:
    """5 batches by twos: the checkpoint is the one after the second batch, not that after the third."""
    given = [*arguments, "--trainer.accumulate_grad_batches", 2, "--checkpoint_minutes", 0]
    expected = fit(tmp_path / "whole", *given)
    with pytest.raises(my_networks.Interruption):
        run_hardpix("fit", *given, "--run", tmp_path / "run", *stopped_at(1, 3))
    # 3 steps of the first epoch, of which the last is that of one batch, and one of the second.
    assert last(tmp_path / "run")["global_step"] == 4
    assert run_hardpix("fit", "--run", tmp_path / "run", "--resume").code == 0
    assert_same(last(tmp_path / "run"), expected)


def test_without_minutes_to_wait_for_nothing_is_written_within_an_epoch(data: Data, tmp_path: Path) -> None:
    given = [*data.arguments, *TINY, *SETTINGS]
    with pytest.raises(my_networks.Interruption):
        run_hardpix("fit", *given, "--run", tmp_path / "run", *stopped_at(0, 3))
    assert not (tmp_path / "run" / "checkpoints" / "last.ckpt").exists()


def test_state_of_teacher_labeler_and_draws_is_in_the_checkpoint(
    arguments: list[object], whole: dict[str, Any]
) -> None:
    if "my_recipes.Follower" not in arguments:
        pytest.skip("of the two streams")
    state = whole["state_dict"]
    assert state["recipe.teacher.updates"] == 15
    assert state["recipe.labeler.epochs"] == 3
    assert state["recipe.labeler.labeled"] > 0
    assert state["recipe.augment._extra_state"] == 15
    assert any(name.startswith("recipe.teacher.network.") for name in state)


def test_a_run_of_some_steps_goes_on_by_epochs(data: Data, tmp_path: Path) -> None:
    """From an epoch's end, after it was resumed at one before."""
    fixed = [*data.arguments, *TINY, *SETTINGS, "--model.power", 0, "--model.warmup", 0, "--trainer.max_epochs", 4]
    expected = fit(tmp_path / "whole", *fixed)
    fit(tmp_path / "run", *fixed, "--trainer.max_steps", 5)
    for more in (10, 15, -1):
        outcome = run_hardpix("fit", "--run", tmp_path / "run", "--resume", "--trainer.max_steps", more)
        assert outcome.code == 0, outcome.err
    found = last(tmp_path / "run")
    found["lr_schedulers"] = expected["lr_schedulers"]
    assert_same(found, expected)
