"""The Python blocks of the README and of docs run as they stand there, and the README's commands exist."""

import re
from pathlib import Path

import pytest

from hardpix.__main__ import COMMANDS

ROOT = Path(__file__).parents[1]
TEXTS = {page.name: page.read_text(encoding="utf-8") for page in (ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")))}
BLOCKS = [
    pytest.param(code, id=f"{name} block {k}")
    for name, text in TEXTS.items()
    for k, code in enumerate(re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL))
    if "runs/" not in code  # of a training that was done before
]


@pytest.mark.parametrize("code", BLOCKS)
def test_python_block_runs(code: str) -> None:
    exec(compile(code, "a page", "exec"), {"__name__": "page"})


def test_four_kinds_of_networks_are_shown() -> None:
    for sign in ("torchvision", "segmentation_models_pytorch", "transformers", "(nn.Module)"):
        assert sign in TEXTS["README.md"]


def test_commands_exist() -> None:
    named = set(re.findall(r"^hardpix (\w+)", TEXTS["README.md"], flags=re.MULTILINE))
    assert named
    assert named <= set(COMMANDS)
