"""What can be wrong with one mask, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from .classes import ClassTable
from .errors import Problem
from .masks import Label


def wrong_size(path: Path, expected: Sequence[int], found: Sequence[int]) -> Problem:
    """A map that has not the size of its image."""
    return Problem(
        "map of another size than its image",
        path,
        f"{expected[0]}×{expected[1]} (height × width)",
        f"{found[0]}×{found[1]}",
        "export it at the image's size; if the sides are swapped, the image is turned by its EXIF orientation",
    )


def unknown_labels(path: Path, classes: ClassTable, unknown: Mapping[Label, int]) -> Problem:
    """A mask with labels that the class table does not have."""
    first = sorted(unknown.items(), key=lambda item: -item[1])[:8]
    found = ", ".join(f"{label} ({count} pixels)" for label, count in first) + (" …" if len(unknown) > 8 else "")
    if any(isinstance(label, tuple) for label in unknown):
        expected = f"the colours of {len(classes)} classes or of ignore_colours"
        return Problem(
            "colour outside the classes",
            path,
            expected,
            found,
            "add the colours to the class table or to ignore_colours",
        )
    ids = np.array([i for entry in classes.ids for i in entry])
    expected = f"ids {ranges(ids)}" + (f", or {ranges(classes.ignore_ids)} to ignore" if classes.ignore_ids else "")
    return Problem("id outside the classes", path, expected, found, "add the ids to the class table or to ignore_ids")


def ranges(ids: Iterable[int]) -> str:
    """Numbers as runs.

    Example:
        >>> ranges([0, 1, 2, 5, 8, 9])
        '0–2, 5, 8–9'
    """
    runs: list[list[int]] = []
    for i in sorted(int(i) for i in ids):
        if runs and i == runs[-1][1] + 1:
            runs[-1][1] = i
        else:
            runs.append([i, i])
    return ", ".join(str(a) if a == b else f"{a}–{b}" for a, b in runs)
