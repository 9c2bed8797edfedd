"""The lines that ``hardpix diagnose`` prints, before it counts and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from hardpix.cli.problem_list import NAME, is_long
from hardpix.data import Problem, describe
from hardpix.data.problems import ranges
from hardpix.diagnosis.examine import Examined

# Keys in the summary and views that the report has only if a folder was given; None is the signal's own.
PARTS = {"hardness": ("hardness", None), "probabilities": ("calibration", "Calibration and no Suspects")}

# A kind of problem that more files have is said once.
LISTED = 3


def print_examined(console: Console, found: Examined) -> None:
    """Doubts, and what is left out or not used."""
    for doubt in found.doubts:
        console.print(f"doubt: {doubt}")
    if left := found.total - len(found.cases):
        console.print(f"{left} of {_images(found.total)} left out:\n{describe(found.left_out)}")
    if found.unused:
        console.print(f"missing or not used, while no image is left out for it:\n{in_brief(found.unused)}")
    if is_long([*found.left_out, *found.unused]):
        console.print(f"the whole list is written to {NAME} in the report")


def print_summary(
    console: Console,
    found: Examined,
    summary: Mapping[str, Any],
    folders: Mapping[str, Path | None],
    out: Path,
    said: int,
) -> None:
    """The sentences of the report, and what it has no views of; the first `said` have been printed as doubts."""
    for sentence in summary["sentences"][said:]:
        console.print(f"- {sentence['text']}")
    of_signal = summary["signal"][:1].upper() + summary["signal"][1:]
    for kind, (entry, views) in PARTS.items():
        if folders[kind] is not None and summary[entry] is None:
            console.print(f"no file of {folders[kind]} could be used, so the report has no {views or of_signal}")
    # Where the sides may be read otherwise, an id that is never predicted is likely a class.
    if found.found_classes and not found.doubts and (odd := _never_predicted(summary)):
        console.print(odd)
    console.print(f"report of {_images(len(found.cases))}: {out / 'index.html'}")


def in_brief(problems: Sequence[Problem]) -> str:
    """Problems that leave no image out: a kind that many files have in one line, since the report lists them all.

    Example:
        >>> found = [Problem("empty file", Path(f"{k}.npy"), "an array", "0 bytes", "copy it again") for k in range(9)]
        >>> print(in_brief(found))
        empty file (9), such as 0.npy: expected an array, found 0 bytes; what to do: copy it again
    """
    kinds: dict[str, list[Problem]] = {}
    for problem in problems:
        kinds.setdefault(problem.kind, []).append(problem)
    return "\n".join(
        describe(group)
        if len(group) <= LISTED
        else f"{kind} ({len(group)}), such as {group[0].where}: expected {group[0].expected}, found {group[0].found}; "
        f"what to do: {group[0].advice}"
        for kind, group in kinds.items()
    )


def _never_predicted(summary: Mapping[str, Any]) -> str:
    """A hint where an id that was taken for a class may stand for "unlabeled"."""
    confusion = np.asarray(summary["confusion"])
    never = (confusion.sum(0) == 0) & (confusion.sum(1) > 0)
    ids = [entry["id"] for entry, odd in zip(summary["classes"], never, strict=True) if odd]
    if not ids:
        return ""
    named = ranges(ids)
    if len(ids) == 1:
        return f"in the masks but never predicted: id {named}; if it stands for unlabeled, say --ignore_index {named}"
    return f"in the masks but never predicted: ids {named}; if one of them stands for unlabeled, say --ignore_index ID"


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count:,} images"
