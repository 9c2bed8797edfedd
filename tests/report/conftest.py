"""Reports on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from .fake_report import fake_report


@pytest.fixture(scope="session")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with everything: pictures, hardness, probabilities, another run beside it, and names that need care."""
    pytest.importorskip("plotly", reason="plotly is not installed")
    folder = tmp_path_factory.mktemp("reports")
    other = fake_report(folder / "other", title="Learned <b>hardness</b>", better=True)
    return fake_report(folder / "odd #1 ä", against=other)


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of masks and predictions alone, without pictures."""
    pytest.importorskip("plotly", reason="plotly is not installed")
    folder = tmp_path_factory.mktemp("bare")
    return fake_report(folder / "report", pictures=False, hardness=False, probabilities=False)


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of 10,000 images."""
    pytest.importorskip("plotly", reason="plotly is not installed")
    return fake_report(tmp_path_factory.mktemp("large") / "report", 10_000, pictures=False, odd_names=False)
