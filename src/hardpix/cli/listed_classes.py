"""Settings of classes in a list, by the names of options: ``--scores my_module.MyScore --scores.radius 5``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, get_args, get_origin, get_type_hints

import yaml

from hardpix.cli.errors import UsageError


def lists_of_classes(command: Callable[..., object]) -> list[str]:
    """Parameters that take a list of class paths, or of mappings with class_path and init_args.

    Example:
        >>> def diagnose(title: str, lines: str | list[str], scores: str | list[str | dict[str, Any]] | None): ...
        >>> lists_of_classes(diagnose)
        ['scores']
    """
    return [
        name
        for name, hint in get_type_hints(command).items()
        if any(get_origin(part) is list and _holds_mappings(part) for part in get_args(hint))
    ]


def _holds_mappings(of_list: Any) -> bool:
    return any(get_origin(part) is dict for item in get_args(of_list) for part in get_args(item))


def with_settings(words: Iterable[str], names: Iterable[str]) -> list[str]:
    """The words of a command line, each setting joined to the class that stands before it.

    Args:
        words: as they were typed.
        names: of the options that take classes.

    Raises:
        UsageError: a setting before any class, after several with commas between them, or without a value.

    Example:
        >>> with_settings(["--scores", "a.B", "--scores.radius", "5", "--title", "t"], ["scores"])
        ['--scores', '[{"class_path": "a.B", "init_args": {"radius": 5}}]', '--title', 't']
    """
    options = [f"--{name}" for name in names]
    found: list[str] = []
    latest: dict[str, int] = {}
    given = iter(words)
    for word in given:
        option, equals, value = word.partition("=")
        name, _, setting = option.partition(".")
        if name not in options:
            found.append(word)
            continue
        if not equals and (value := next(given, "")) == "":
            raise UsageError(f"expected a value after {option}, found none")
        if not setting:
            found += [option, value]
            latest[name] = len(found) - 1
        elif name not in latest:
            raise UsageError(f"expected {name} CLASS before {option}, which is a setting of it; found no class before")
        else:
            found[latest[name]] = _joined(found[latest[name]], setting, value, option)
    return found


def _joined(classes: str, setting: str, value: str, option: str) -> str:
    several = classes.startswith("[")
    entries: list[Any] = yaml.safe_load(classes) if several else [classes]
    if "," in classes and not several:
        raise UsageError(
            f"expected one class before {option}, found {classes}: give each class by an option of its own, its "
            "settings after it"
        )
    last = entries[-1] if isinstance(entries[-1], dict) else {"class_path": entries[-1]}
    last = {**last, "init_args": {**(last.get("init_args") or {}), setting: yaml.safe_load(value)}}
    return json.dumps([*entries[:-1], last], ensure_ascii=False)
