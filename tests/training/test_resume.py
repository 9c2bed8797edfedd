"""A run that was interrupted ends where one that was not ends."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import my_networks
import numpy as np
import pytest
import torch
from PIL import Image

from hardpix.training.run import Run
from runs import TINY, Data, column, read, run_hardpix, tree

EPOCHS = 4
# Dropout draws from the generators, momentum and the schedule have a state of their own, BatchNorm has buffers.
SETTINGS = (
    *("--model.network.dropout", "0.3", "--model.network.norm", "batch", "--model.warmup", "0.3"),
    *("--trainer.max_epochs", str(EPOCHS), "--trainer.accumulate_grad_batches", "1"),
)


def stopped_at(epoch: int, batch: int) -> list[str]:
    return [
        "--trainer.callbacks",
        f"[{{class_path: my_networks.StopAt, init_args: {{epoch: {epoch}, batch: {batch}}}}}]",
    ]


@pytest.fixture(scope="module")
def whole(fit_tiny: Callable[..., Run]) -> Run:
    return fit_tiny(*SETTINGS)


@pytest.mark.parametrize(("epoch", "batch", "workers"), [(1, 0, 0), (2, 1, 0), (3, 1, 0), (2, 1, 2)])
def test_resumed_run_is_bit_for_bit_the_uninterrupted_one(
    epoch: int, batch: int, workers: int, whole: Run, data: Data, tmp_path: Path
) -> None:
    """Also where workers read ahead, before anybody tells them which epoch it is."""
    folder = Run(tmp_path / "run", trusted=True)
    given = [*data.arguments, *TINY, *SETTINGS, "--data.workers", workers, "--run", folder.path]
    with pytest.raises(my_networks.Interruption):
        run_hardpix("fit", *given, *stopped_at(epoch, batch))
    # The draws of whatever ran since must not matter.
    torch.manual_seed(123456)
    outcome = run_hardpix("fit", "--run", folder.path, "--resume")
    assert outcome.code == 0, outcome.err

    expected, found = (torch.load(run.checkpoint("last"), weights_only=True) for run in (whole, folder))
    assert found["global_step"] == expected["global_step"] == 2 * EPOCHS
    assert found["state_dict"].keys() == expected["state_dict"].keys()
    assert any(".branch." in name for name in expected["state_dict"])
    for name, value in expected["state_dict"].items():
        assert torch.equal(found["state_dict"][name], value), name
    for name, state in expected["optimizer_states"][0]["state"].items():
        for key, value in state.items():
            assert torch.equal(found["optimizer_states"][0]["state"][name][key], value), (name, key)
    assert found["lr_schedulers"] == expected["lr_schedulers"]

    best = [torch.load(run.checkpoint("best"), weights_only=True)["global_step"] for run in (whole, folder)]
    assert best[0] == best[1]
    # The curves of both parts are there, and joined they are those of the whole.
    first, second = (column(folder, "val/miou", part) for part in (0, 1))
    assert first + second == column(whole, "val/miou")
    assert len(first) == epoch


def test_from_another_directory(data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(data.images.parent)
    given = ["--data.images", data.images.name, "--data.masks", data.masks.name, "--trainer.max_epochs", 1]
    assert run_hardpix("fit", *TINY, *given, "--run", tmp_path / "run").code == 0
    monkeypatch.chdir(tmp_path)
    outcome = run_hardpix("fit", "--run", "run", "--resume", "--trainer.max_epochs", 2)
    assert outcome.code == 0, outcome.err
    assert len(column(Run(tmp_path / "run"), "val/miou", 1)) == 1


def test_moved_run_takes_new_settings_and_knows_its_best(fit_tiny: Callable[..., Run], tmp_path: Path) -> None:
    before = fit_tiny()
    folder = Run(tmp_path / "run", trusted=True)
    shutil.copytree(before.path, folder.path)
    best = before.checkpoint("best").read_bytes()
    worse = ["--trainer.max_epochs", 3, "--model.power", 0, "--model.optimizer.lr", 1e4]
    outcome = run_hardpix("fit", "--run", folder.path, "--resume", *worse)
    assert outcome.code == 0, outcome.err
    assert outcome.err.strip() == ""
    assert torch.load(folder.checkpoint("last"), weights_only=True)["global_step"] == 6
    assert folder.read_config()["trainer"]["max_epochs"] == 3
    assert folder.checkpoint("best").read_bytes() == best
    assert before.checkpoint("best").read_bytes() == best


def test_resume_refuses_other_images(data: Data, whole: Run, tmp_path: Path) -> None:
    shutil.copytree(data.images, tmp_path / "images")
    shutil.copytree(data.masks, tmp_path / "masks")
    moved = Data(tmp_path / "images", tmp_path / "masks")
    run = tmp_path / "run"
    shutil.copytree(whole.path, run)
    for folder in (moved.images, moved.masks):
        shutil.copy(folder / "frame_000.png", folder / "frame_0005.png")
    outcome = run_hardpix("fit", *moved.arguments, "--run", run, "--resume")
    assert outcome.code == 2
    assert "expected the images that" in outcome.err
    assert "frame_0005" in outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize(
    "other",
    [
        ["--model.network.norm", "none"],
        ["--model.objective.signal", "hardpix.signals.Uniform"],
        ["--model.optimizer", "SGD"],
        ["--data.classes", "[a, b, c, d]", "--data.label_map", "{0: 0, 7: 1, 200: 2, 9: 3}"],
    ],
)
def test_resume_refuses_another_network_and_leaves_the_run_as_it_is(
    other: list[str], whole: Run, tmp_path: Path
) -> None:
    folder = Run(tmp_path / "run", trusted=True)
    shutil.copytree(whole.path, folder.path)
    before = tree(folder.path)
    outcome = run_hardpix("fit", "--run", folder.path, "--resume", "--trainer.max_epochs", EPOCHS + 1, *other)
    assert outcome.code == 2
    assert "was started with" in outcome.err
    assert "or start a new run" in outcome.err
    assert "Traceback" not in outcome.err
    assert tree(folder.path) == before


def test_a_class_that_the_run_has_keeps_what_it_was_given_and_that_is_said(whole: Run, tmp_path: Path) -> None:
    """jsonargparse merges: the saved signal stays, though plain cross-entropy seems to be asked for."""
    folder = Run(tmp_path / "run", trusted=True)
    shutil.copytree(whole.path, folder.path)
    saved = folder.read_config()["model"]["objective"]
    name = saved["class_path"].rpartition(".")[2]
    signal = saved["init_args"]["signal"]["class_path"].rpartition(".")[2]
    given = ["--run", folder.path, "--resume", "--trainer.max_epochs", EPOCHS + 1]
    outcome = run_hardpix("fit", *given, "--model.objective", name)
    assert outcome.code == 0, outcome.err
    assert f"--model.objective {name} changes nothing: the run has it with signal {signal}" in " ".join(
        outcome.out.split()
    )
    assert folder.read_config()["model"]["objective"] == saved


def test_resume_refuses_masks_of_other_ids(data: Data, whole: Run, tmp_path: Path) -> None:
    """As many classes as before, so that the weights would fit."""
    shutil.copytree(data.masks, tmp_path / "masks")
    for file in (tmp_path / "masks").iterdir():
        ids = read(file)
        Image.fromarray(np.where(ids == 7, 9, ids).astype(np.uint8)).save(file)
    folder = Run(tmp_path / "run", trusted=True)
    shutil.copytree(whole.path, folder.path)
    before = tree(folder.path)
    outcome = run_hardpix("fit", "--run", folder.path, "--resume", "--data.masks", tmp_path / "masks")
    assert outcome.code == 2
    assert "found {'name': 'class 9', 'id': 9} in place of {'name': 'class 7', 'id': 7}" in outcome.err
    assert tree(folder.path) == before


def test_resume_without_a_checkpoint_says_so(data: Data, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with pytest.raises(my_networks.Interruption):
        run_hardpix("fit", *data.arguments, *TINY, "--run", run, *stopped_at(0, 0))
    outcome = run_hardpix("fit", "--run", run, "--resume")
    assert outcome.code == 2
    assert "checkpoints of this run: none" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--resume"], "--resume needs --run"), (["--run", "nowhere", "--resume"], "found none at nowhere/config.yaml")],
)
def test_resume_needs_a_run(arguments: list[str], said: str) -> None:
    outcome = run_hardpix("fit", *arguments)
    assert outcome.code == 2
    assert said in outcome.err


def test_resume_with_fewer_epochs_than_there_were(tiny_run: Run, tmp_path: Path) -> None:
    shutil.copytree(tiny_run.path, tmp_path / "run")
    outcome = run_hardpix("fit", "--run", tmp_path / "run", "--resume", "--trainer.max_epochs", 1)
    assert outcome.code == 2
    assert "expected at least the 2 epochs" in outcome.err
    assert Run(tmp_path / "run").read_config()["trainer"]["max_epochs"] == 2


def test_validation_within_an_epoch_leaves_nothing_to_go_on_from_but_whole_epochs(
    fit_tiny: Callable[..., Run], data: Data, tmp_path: Path
) -> None:
    often = [*SETTINGS, "--trainer.val_check_interval", "1"]
    whole, folder = fit_tiny(*often), Run(tmp_path / "run", trusted=True)
    with pytest.raises(my_networks.Interruption):
        run_hardpix("fit", *data.arguments, *TINY, *often, "--run", folder.path, *stopped_at(2, 1))
    assert torch.load(folder.checkpoint("last"), weights_only=True)["global_step"] == 2 * 2
    outcome = run_hardpix("fit", "--run", folder.path, "--resume")
    assert outcome.code == 0, outcome.err
    expected, found = (torch.load(run.checkpoint("last"), weights_only=True) for run in (whole, folder))
    for name, value in expected["state_dict"].items():
        assert torch.equal(found["state_dict"][name], value), name


def test_an_epoch_that_time_cut_short_is_gone_on_with(whole: Run, data: Data, tmp_path: Path) -> None:
    folder = Run(tmp_path / "run", trusted=True)
    time_is_up = ["--trainer.callbacks", "[{class_path: my_networks.OutOfTime, init_args: {step: 5}}]"]
    assert run_hardpix("fit", *data.arguments, *TINY, *SETTINGS, "--run", folder.path, *time_is_up).code == 0
    assert torch.load(folder.checkpoint("last"), weights_only=True)["global_step"] == 5
    assert run_hardpix("fit", "--run", folder.path, "--resume").code == 0
    expected, found = (torch.load(run.checkpoint("last"), weights_only=True) for run in (whole, folder))
    assert found["global_step"] == 2 * EPOCHS
    for name, value in expected["state_dict"].items():
        assert torch.equal(found["state_dict"][name], value), name


def test_a_training_of_some_steps_keeps_its_last_one(fit_tiny: Callable[..., Run]) -> None:
    folder = fit_tiny(*SETTINGS, "--trainer.max_steps", 5)
    assert torch.load(folder.checkpoint("last"), weights_only=True)["global_step"] == 5


def test_interruption_by_hand_is_exit_130_and_says_how_to_go_on(data: Data, tmp_path: Path) -> None:
    callback = "[{class_path: my_networks.StopAt, init_args: {epoch: 1, by_hand: true}}]"
    run = tmp_path / "run"
    outcome = run_hardpix("fit", *data.arguments, *TINY, *SETTINGS, "--run", run, "--trainer.callbacks", callback)
    assert outcome.code == 130
    assert f"hardpix fit --run {run} --resume" in " ".join(outcome.err.split())
    assert "Traceback" not in outcome.err
