"""Class paths that have moved: those of earlier configurations still work, and a message names the new ones."""

from __future__ import annotations

import sys
from typing import Any

MOVED = {"hardpix.data.scenes.GeneratedScenes": "hardpix.scenes.GeneratedScenes"}


def with_new_places(settings: Any) -> Any:
    """Settings in which every class path that has moved is replaced, each said once on stderr.

    Args:
        settings: of a YAML file, or a command line's words.

    Example:
        >>> with_new_places({"class_path": "hardpix.scenes.GeneratedScenes", "init_args": {"count": 3}})
        {'class_path': 'hardpix.scenes.GeneratedScenes', 'init_args': {'count': 3}}
    """
    found: dict[str, str] = {}
    replaced = _replaced(settings, found)
    for old, new in found.items():
        print(f"{old} has moved: write {new}. The old name works until the next release.", file=sys.stderr)
    return replaced


def _replaced(value: Any, found: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(below, found) for key, below in value.items()}
    if isinstance(value, list):
        return [_replaced(below, found) for below in value]
    if isinstance(value, str):
        setting, equals, name = value.rpartition("=")
        if name in MOVED:
            found[name] = MOVED[name]
            return f"{setting}{equals}{MOVED[name]}"
    return value
