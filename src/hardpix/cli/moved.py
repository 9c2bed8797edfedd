"""Names of classes and settings that have moved: earlier ones work for a release, and a message has the new ones."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

MOVED = {"hardpix.data.scenes.GeneratedScenes": "hardpix.scenes.GeneratedScenes"}
MOVED_SETTINGS = {
    f"data.{name}": f"data.augment.{name}" for name in ("scale", "max_class_share", "flip", "photometric")
}


def with_new_places(settings: Any, found: dict[str, str] | None = None) -> Any:
    """Settings in which every name that has moved is replaced, said on stderr in one message.

    Args:
        settings: of a YAML file, or a command line's words.
        found: takes the old names with their new ones, and nothing is said (see `say_moved`).

    Raises:
        ValueError: a setting is given by its old name and by its new one.

    Example:
        >>> with_new_places({"class_path": "hardpix.scenes.GeneratedScenes", "init_args": {"count": 3}})
        {'class_path': 'hardpix.scenes.GeneratedScenes', 'init_args': {'count': 3}}
        >>> with_new_places({"data": {"flip": 0, "crop_size": [32, 64]}}, {})
        {'data': {'crop_size': [32, 64], 'augment': {'flip': 0}}}
    """
    moved: dict[str, str] = {}
    if isinstance(settings, Mapping):
        settings = _with_moved_keys(settings, moved)
    elif isinstance(settings, list):
        settings = _with_moved_options(settings, moved)
    replaced = _with_moved_classes(settings, moved)
    if found is None:
        say_moved(moved)
    else:
        found.update(moved)
    return replaced


def say_moved(found: Mapping[str, str]) -> None:
    """Print a line that has the new names of old ones, if there are any."""
    if found:
        verb, noun, work = ("has", "name", "works") if len(found) == 1 else ("have", "names", "work")
        old, new = ", ".join(found), ", ".join(found.values())
        print(f"{old} {verb} moved: write {new}. The old {noun} {work} until the next release.", file=sys.stderr)


def _with_moved_keys(settings: Mapping[Any, Any], found: dict[str, str]) -> dict[Any, Any]:
    """The settings of a YAML file; keys may be nested, or one text with dots."""
    result = dict(settings)
    for old, new in MOVED_SETTINGS.items():
        group, _, name = old.partition(".")
        inside = result.get(group)
        if old in result:
            value = result.pop(old)
        elif isinstance(inside, dict) and name in inside:
            value = inside[name]
            result[group] = {key: below for key, below in inside.items() if key != name}
        else:
            continue
        _put(result, new.split("."), value, f"{old} and {new} are one setting: remove {old}")
        found[old] = new
    return result


def _put(content: dict[Any, Any], place: list[str], value: Any, both: str) -> None:
    """Set a value inside nested mappings, of which none that is given is changed."""
    first, *rest = place
    if not rest:
        if first in content:
            raise ValueError(both)
        content[first] = value
        return
    below = content.get(first) or {}
    if not isinstance(below, dict):
        raise ValueError(both)
    content[first] = dict(below)
    _put(content[first], rest, value, both)


def _with_moved_options(words: list[Any], found: dict[str, str]) -> list[Any]:
    """The words of a command line; what a group's own option holds is moved, too."""
    result = []
    for number, word in enumerate(words):
        option, equals, value = str(word).partition("=")
        before = words[number - 1] if number else ""
        if option.removeprefix("--") in MOVED_SETTINGS and option.startswith("--"):
            found[option] = f"--{MOVED_SETTINGS[option[2:]]}"
            word = f"{found[option]}{equals}{value}"
        elif option == "--data" and equals:
            word = f"--data={_with_moved_group('data', value, found)}"
        elif before == "--data":
            word = _with_moved_group("data", str(word), found)
        result.append(word)
    return result


def _with_moved_group(group: str, given: str, found: dict[str, str]) -> str:
    """The word that is given for a whole group: YAML, or a file of it."""
    content, _ = content_of(given)
    if not isinstance(content, dict):
        return given
    moved = _with_moved_keys({group: content}, found)[group]
    return given if moved == content else yaml.safe_dump(moved, default_flow_style=True, width=sys.maxsize).strip()


def content_of(given: str) -> tuple[Any, bool]:
    """The content of a file of YAML, or of YAML itself, and whether it is a file; None where it cannot be read.

    Example:
        >>> content_of("{data: {flip: 0}}")
        ({'data': {'flip': 0}}, False)
    """
    try:
        text, is_file = Path(given).read_text(encoding="utf-8"), True
    except (OSError, ValueError):
        text, is_file = given, False
    try:
        return yaml.safe_load(text), is_file
    except yaml.YAMLError:
        return None, is_file  # The parser says what is wrong with it.


def _with_moved_classes(value: Any, found: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _with_moved_classes(below, found) for key, below in value.items()}
    if isinstance(value, list):
        return [_with_moved_classes(below, found) for below in value]
    if isinstance(value, str):
        setting, equals, name = value.rpartition("=")
        if name in MOVED:
            found[name] = MOVED[name]
            return f"{setting}{equals}{MOVED[name]}"
    return value
