"""A run goes on from whichever checkpoint is whole, and says from which."""

from __future__ import annotations

import shutil
from pathlib import Path

import my_networks
import pytest
import torch

from hardpix.training.run import Run
from runs import TINY, Data, Fit, Outcome, run_hardpix, weights

SETTINGS = ("--trainer.max_epochs", 4, "--model.network.dropout", 0.3)
OFTEN = ("--trainer.val_check_interval", 1)
STOP = ("--trainer.callbacks", "[{class_path: my_networks.StopAt, init_args: {epoch: 2, batch: 0}}]")


@pytest.fixture(scope="module")
def interrupted(data: Data, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Two epochs of four are behind it."""
    path = tmp_path_factory.mktemp("interrupted") / "run"
    with pytest.raises(my_networks.Interruption):
        run_hardpix("fit", *data.arguments, *TINY, *SETTINGS, "--run", path, *STOP)
    return Run(path)


@pytest.fixture
def copied(interrupted: Run, tmp_path: Path) -> Run:
    shutil.copytree(interrupted.path, tmp_path / "run")
    return Run(tmp_path / "run")


def resumed(folder: Run) -> Outcome:
    outcome = run_hardpix("fit", "--run", folder.path, "--resume")
    assert outcome.code == 0, outcome.err
    return outcome


@pytest.fixture(scope="module")
def expected(fit_tiny: Fit) -> dict[str, torch.Tensor]:
    """Weights of the run that was never interrupted."""
    return weights(fit_tiny(*SETTINGS))


def assert_equal(folder: Run, expected: dict[str, torch.Tensor]) -> None:
    found = weights(folder)
    assert [name for name in expected if not torch.equal(found[name], expected[name])] == []


@pytest.mark.parametrize("share", [0.0, 0.4, 0.999, None])
def test_a_last_checkpoint_that_broke_gives_way_to_the_best(
    share: float | None, copied: Run, expected: dict[str, torch.Tensor]
) -> None:
    last = copied.checkpoint("last")
    content = last.read_bytes()
    # A bit that turned over in the weights is one more way to break.
    flipped = content[: len(content) // 2] + bytes([content[len(content) // 2] ^ 1]) + content[len(content) // 2 + 1 :]
    last.write_bytes(flipped if share is None else content[: round(share * len(content))])
    outcome = resumed(copied)
    assert f"found a file that cannot be read, {last}" in outcome.out
    assert f"the run goes on from {copied.checkpoint('best')}, step " in outcome.out
    assert_equal(copied, expected)


def test_killed_between_the_first_best_and_the_first_last(copied: Run, expected: dict[str, torch.Tensor]) -> None:
    copied.checkpoint("last").unlink()
    outcome = resumed(copied)
    assert f"there is no {copied.checkpoints / 'last.ckpt'}" in outcome.out
    assert_equal(copied, expected)


def test_the_one_before_comes_before_the_best(copied: Run, expected: dict[str, torch.Tensor]) -> None:
    previous = copied.checkpoints / "last.previous.ckpt"
    copied.checkpoint("last").rename(previous)
    assert f"the run goes on from {previous}, step 4" in resumed(copied).out
    assert_equal(copied, expected)
    assert sorted(path.name for path in copied.checkpoints.iterdir()) == ["best.ckpt", "last.ckpt"]


def test_best_of_a_validation_within_an_epoch(fit_tiny: Fit, data: Data, tmp_path: Path) -> None:
    folder = Run(tmp_path / "run")
    with pytest.raises(my_networks.Interruption):
        run_hardpix("fit", *data.arguments, *TINY, *SETTINGS, *OFTEN, "--run", folder.path, *STOP)
    folder.checkpoint("last").unlink()
    resumed(folder)
    assert torch.load(folder.checkpoint("last"), weights_only=True)["global_step"] == 8
    assert_equal(folder, weights(fit_tiny(*SETTINGS, *OFTEN)))


def test_none_that_can_be_read_lists_them_all(copied: Run) -> None:
    for which in ("last", "best"):
        copied.checkpoint(which).write_bytes(b"")
    outcome = run_hardpix("fit", "--run", copied.path, "--resume")
    assert outcome.code == 2
    assert "best.ckpt" in outcome.err
    assert "last.ckpt" in outcome.err
