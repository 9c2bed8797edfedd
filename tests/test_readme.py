"""The README's Python blocks run as they stand there, and its commands exist."""

import re
from pathlib import Path

import pytest

from hardpix.cli import COMMANDS

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.parametrize("code", PYTHON, ids=[f"block {k}" for k in range(len(PYTHON))])
def test_python_block_runs(code: str) -> None:
    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})


def test_four_kinds_of_networks_are_shown() -> None:
    together = "\n".join(PYTHON)
    for sign in ("torchvision", "segmentation_models_pytorch", "transformers", "(nn.Module)"):
        assert sign in together


def test_commands_exist() -> None:
    named = set(re.findall(r"^hardpix (\w+)", README, flags=re.MULTILINE))
    assert named
    assert named <= set(COMMANDS)
