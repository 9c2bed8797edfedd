"""Names of Lightning that are not public, where it has no public ones: a version that lacks one is told here."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.plugins.environments import LightningEnvironment
from lightning.pytorch.strategies import DDPStrategy, launchers


def trainer() -> Trainer:
    return Trainer(logger=False, enable_progress_bar=False, enable_model_summary=False, accelerator="cpu", devices=1)


def launcher() -> Any:
    return launchers._SubprocessScriptLauncher(LightningEnvironment(), 2, 1)


def has_launcher_behind_property() -> bool:
    strategy = DDPStrategy()
    strategy._launcher = other = object()
    return strategy.launcher is other


def parameters(function: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(function).parameters)


# Name → the file that uses it, and a look whether it is as that file takes it.
PARTS: dict[str, tuple[str, Callable[[], bool]]] = {
    "launchers._SubprocessScriptLauncher": (
        "lost_process.py",
        lambda: (
            parameters(launchers._SubprocessScriptLauncher)[:3] == ["cluster_environment", "num_processes", "num_nodes"]
        ),
    ),
    "_SubprocessScriptLauncher.procs": ("lost_process.py", lambda: launcher().procs == []),
    "_SubprocessScriptLauncher.launch": (
        "lost_process.py",
        lambda: parameters(launcher().launch) == ["function", "args", "trainer", "kwargs"],
    ),
    "DDPStrategy._launcher": ("build_trainer.py", has_launcher_behind_property),
    "Trainer._checkpoint_connector._loaded_checkpoint": (
        "resuming.py",
        lambda: trainer()._checkpoint_connector._loaded_checkpoint == {},
    ),
    "ModelCheckpoint._save_checkpoint": (
        "checkpoints.py",
        lambda: parameters(ModelCheckpoint._save_checkpoint) == ["self", "trainer", "filepath"],
    ),
    "_batches_that_stepped in the state of the fit loop": (
        "checkpoints.py",
        lambda: trainer().fit_loop.state_dict()["epoch_loop.state_dict"]["_batches_that_stepped"] == 0,
    ),
}


@pytest.mark.parametrize("name", PARTS)
def test_it_is_there_as_it_is_used(name: str) -> None:
    place, look = PARTS[name]
    try:
        as_before = look()
    except (AttributeError, KeyError, TypeError) as error:
        pytest.fail(f"Lightning has no {name} any more, which training/{place} uses: {error}")
    assert as_before, f"Lightning's {name} has changed, which training/{place} uses"
