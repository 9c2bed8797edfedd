"""Every public name of the library for a user's own loop shows how it is used; pytest runs the examples."""

import importlib

import pytest

PACKAGES = ["hardpix", "hardpix.pixels", "hardpix.networks", "hardpix.signals", "hardpix.objectives"]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_has_an_example(package: str) -> None:
    module = importlib.import_module(package)
    assert [name for name in module.__all__ if ">>>" not in (getattr(module, name).__doc__ or "")] == []
