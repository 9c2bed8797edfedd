"""What `hardpix.data` offers."""

import pytest

import hardpix.data


# A sample is a dict: a name for readers of types alone.
@pytest.mark.parametrize("name", [name for name in hardpix.data.__all__ if name != "Sample"])
def test_every_public_name_has_an_example_that_is_run(name: str) -> None:
    """By pytest's --doctest-modules, where it is defined."""
    offered = getattr(hardpix.data, name)
    assert offered.__module__.startswith("hardpix.data.")
    assert ">>> " in offered.__doc__
