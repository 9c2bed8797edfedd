"""Report on known faults of pinned versions."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

WHOLE = {"name": "a", "version": "1.0", "vulns": []}
FAULTY = {
    "name": "b",
    "version": "2.0",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1"], "aliases": [], "description": "A long\nstory."}],
}
SKIPPED = {"name": "c", "skip_reason": "Dependency not found on PyPI and could not be audited: c (3.0)"}


report = runpy.run_path(str(Path(__file__).parents[1] / ".github" / "known_faults.py"))["report"]


def of(*packages: dict[str, Any]) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


@pytest.mark.parametrize("found", ["", "{}", "[]", of(), of(SKIPPED, SKIPPED)])
def test_without_a_database_nothing_is_known(found: str) -> None:
    """pip-audit itself says that no fault was found, with exit code 0."""
    said, code = report(found)
    assert code == 2
    assert said.startswith("Nothing is known about faults of these versions")


def test_the_reason_is_said() -> None:
    said, _ = report("", "Traceback …\nConnectionError: no route to the database\n")
    assert "of these versions: ConnectionError: no route to the database. Try again" in said


def test_known_faults_fail_nothing() -> None:
    said, code = report(of(WHOLE, FAULTY, SKIPPED))
    assert code == 0
    assert said.splitlines() == [
        "2 of 3 versions compared, 1 with known faults.",
        "- b 2.0",
        "  - PYSEC-1, mended in 2.1: A long story.",
        "Nothing is known about the others:",
        "- c: Dependency not found on PyPI and could not be audited: c (3.0)",
    ]
