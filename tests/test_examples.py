"""Every public name shows how it is used; pytest runs the examples."""

import importlib

import pytest

PACKAGES = [
    "hardpix",
    "hardpix.pixels",
    "hardpix.data",
    "hardpix.data.batch_transforms",
    "hardpix.metrics",
    "hardpix.networks",
    "hardpix.signals",
    "hardpix.objectives",
    "hardpix.refiners",
    "hardpix.teachers",
    "hardpix.labelers",
    "hardpix.recipes",
    "hardpix.testing",
]
# Types by another name, for those who read types, and the one table.
WITHOUT = {"Sample", "Batch", "BatchTransform", "MAPS"}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_has_an_example(package: str) -> None:
    module = importlib.import_module(package)
    names = set(module.__all__) - WITHOUT
    assert [name for name in sorted(names) if ">>>" not in (getattr(module, name).__doc__ or "")] == []
