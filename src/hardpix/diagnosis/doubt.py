"""One doubt about ids, in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hardpix.diagnosis.checks import Checked

# Cohen's kappa of a reading that is worth speaking of. Chance is 0, and few networks that are used stay below.
CONVINCING = 0.4


@dataclass(frozen=True)
class Doubt:
    """Words about ids, and whether they refuse the work."""

    text: str
    refused: bool


def files_of(cases: Sequence[Checked], concerned: Callable[[Checked], bool], kind: str = "predictions") -> str:
    """The first three files that a doubt concerns, and how many more there are."""
    found: list[Path] = [case.case.files[kind] for case in cases if concerned(case)]
    more = f" and {len(found) - 3:,} more" if len(found) > 3 else ""
    return ", ".join(map(str, found[:3])) + more
