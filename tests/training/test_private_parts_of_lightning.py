"""Names of Lightning that are not public, where it has no public ones: a version that lacks one is told here."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lightning.fabric.utilities import cloud_io
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.plugins.environments import LightningEnvironment
from lightning.pytorch.strategies import DDPStrategy, launchers

from hardpix.training import lightning_private


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


# Name → a look whether it is as hardpix takes it.
PARTS: dict[str, Callable[[], bool]] = {
    "launchers._SubprocessScriptLauncher": lambda: (
        parameters(launchers._SubprocessScriptLauncher)[:3] == ["cluster_environment", "num_processes", "num_nodes"]
    ),
    "_SubprocessScriptLauncher.procs": lambda: launcher().procs == [],
    "_SubprocessScriptLauncher.launch": lambda: (
        parameters(launcher().launch) == ["function", "args", "trainer", "kwargs"]
    ),
    "DDPStrategy._launcher": has_launcher_behind_property,
    "Trainer._checkpoint_connector._loaded_checkpoint": lambda: (
        trainer()._checkpoint_connector._loaded_checkpoint == {}
    ),
    "ModelCheckpoint._save_checkpoint": lambda: (
        parameters(ModelCheckpoint._save_checkpoint) == ["self", "trainer", "filepath"]
    ),
    "_batches_that_stepped in the state of the fit loop": lambda: (
        trainer().fit_loop.state_dict()["epoch_loop.state_dict"]["_batches_that_stepped"] == 0
    ),
    "cloud_io._is_local_file_protocol": lambda: (
        [cloud_io._is_local_file_protocol(path) for path in ("runs/last.ckpt", "s3://runs/last.ckpt")] == [True, False]
    ),
}
FILE = Path(lightning_private.__file__)


@pytest.mark.parametrize("name", PARTS)
def test_it_is_there_as_it_is_used(name: str) -> None:
    try:
        as_before = PARTS[name]()
    except (AttributeError, KeyError, TypeError) as error:
        pytest.fail(f"Lightning has no {name} any more, which {FILE.name} uses: {error}")
    assert as_before, f"Lightning's {name} has changed, which {FILE.name} uses"


def private_names(file: Path) -> set[str]:
    """Names that begin with an underscore and are not of the file's own: imported, or asked of another object."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lightning"):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            found.add(str(node.slice.value))
    return {name for name in found if re.match("_[a-z]", name, re.IGNORECASE)}


def test_one_file_uses_them() -> None:
    used = private_names(FILE)
    assert used == {name for part in PARTS for name in re.findall(r"\b_\w+", part)}
    others = [file for file in FILE.parents[1].rglob("*.py") if file != FILE]
    assert {file.name: found for file in others if (found := private_names(file) & used)} == {}
