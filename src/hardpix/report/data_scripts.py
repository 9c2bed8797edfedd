"""Data as scripts: a page on disk may not fetch, but it may load a script beside it."""

from __future__ import annotations

import json
import math
import re
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np


def as_script(value: Any) -> str:
    r"""A value as a JavaScript expression that is safe in any script: plain ASCII, without `<`.

    Arrays become lists, what is not finite becomes null, and fractions keep six significant digits.

    Raises:
        TypeError: something is neither text, number, truth value, None, array, list nor dict.

    Example:
        >>> as_script({"iou": np.array([0.5, np.nan]), "name": "</script>"})
        '{"iou":[0.5,null],"name":"\\u003c/script>"}'
    """
    text = json.dumps(plain(value), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def assign(path: Path, name: str, value: Any) -> None:
    """Write a script that sets `window.name`."""
    with path.open("w", encoding="ascii") as file:
        file.write(f"window.{name} = ")
        file.writelines(_pieces(value))
        file.write(";\n")


def _pieces(value: Any) -> Iterator[str]:
    """Text of `as_script`, entry by entry, so that large data are never in memory as text."""
    if not isinstance(value, dict):
        yield as_script(value)
        return
    yield "{"
    for number, (key, entry) in enumerate(value.items()):
        yield f"{',' * (number > 0)}{as_script(str(key))}:"
        yield from _pieces(entry)
    yield "}"


def read_assigned(path: Path) -> Any:
    """The value in a script that `assign` wrote.

    Raises:
        ValueError: the script is another one.
    """
    found = re.fullmatch(r"window\.\w+ = (.*);\n", path.read_text(encoding="ascii"), flags=re.DOTALL)
    if not found:
        raise ValueError(f"expected the data of a report, found something else in {path}; write that report again")
    return json.loads(found[1])


def plain(value: Any) -> Any:
    """The value in types that JSON has: six digits, and None for what is not finite."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, list | tuple | array):
        return [plain(entry) for entry in value]
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    raise TypeError(f"expected text, numbers, lists and dicts as the data of a report, found {type(value).__name__}")
