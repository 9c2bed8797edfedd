"""The benchmarks are scripts, in no package."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from runs import camvid

__all__ = ["camvid", "load_script"]

FOLDER = Path(__file__).parents[2] / "benchmarks"


def load_script(name: str) -> ModuleType:
    """The script of that name, as a module."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look for the module that they are in.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
