"""Imports wait until they are needed, and everything that hardpix names can be had."""

import subprocess
import sys

import pytest

import hardpix

ROOMS = (
    *("data", "labelers", "metrics", "networks", "objectives", "pixels", "recipes", "refiners", "signals", "teachers"),
    "testing",
)


def loaded(code: str) -> set[str]:
    """Modules that a new process has after some code."""
    listing = "import sys; sys.stderr.write('\\n'.join(sys.modules))"
    found = subprocess.run([sys.executable, "-c", f"{code}\n{listing}"], capture_output=True, text=True, check=True)
    return set(found.stderr.split("\n"))


@pytest.mark.parametrize("code", ["import hardpix", "from hardpix.__main__ import main; main(['--help'])"])
def test_neither_the_package_nor_its_help_waits_for_torch(code: str) -> None:
    modules = loaded(code)
    assert "hardpix" in modules
    assert not modules & {"torch", "numpy"}


def test_the_library_waits_neither_for_the_compiler_nor_for_what_is_no_dependency() -> None:
    modules = loaded("import hardpix; hardpix.TrainingStep; hardpix.testing; hardpix.refiners; hardpix.recipes")
    assert "hardpix.step" in modules
    assert not modules & {"torch._dynamo", "sympy", "torchvision", "torchmetrics", "lightning", "cv2", "PIL", "yaml"}


def test_every_name_and_room_is_there_and_no_other() -> None:
    for name in hardpix.__all__:
        assert getattr(hardpix, name).__name__ == name
        assert name in dir(hardpix)
    for room in ROOMS:
        assert getattr(hardpix, room).__name__ == f"hardpix.{room}"
    with pytest.raises(AttributeError, match="module 'hardpix' has no attribute 'tapp'"):
        _ = hardpix.tapp
