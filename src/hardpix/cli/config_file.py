"""Configuration files, and all of their keys that mean nothing in one list."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ActionConfigFile

from hardpix.cli.moved import with_new_places
from hardpix.data import Problem

Keys = tuple[Any, ...]


class ConfigFile(ActionConfigFile):
    """A YAML file of settings; its unknown keys go to ``parser.unknown_keys`` and the others are read.

    The parser alone would stop at the first, and not say in which file it is.
    """

    def __call__(self, parser: Any, cfg: Any, values: Any, option_string: str | None = None) -> None:
        try:
            content = yaml.safe_load(Path(values).read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError):
            content = None  # The parser says what is wrong with it.
        if isinstance(content, dict):
            names = [action.dest for action in parser._actions]
            unknown = list(unknown_keys(content, names))
            parser.unknown_keys += [as_problem(Path(values), _written(keys), there) for keys, there in unknown]
            for keys, _ in unknown:
                _remove(content, keys)
            moved = with_new_places(content)
            if unknown or moved != content:
                values = yaml.safe_dump(moved)
        super().__call__(parser, cfg, values, option_string)


def unknown_keys(content: dict[Any, Any], names: Sequence[str]) -> Iterator[tuple[Keys, list[str]]]:
    """The keys of a configuration that are no settings, each with the names that it may have been meant for.

    Args:
        content: of a YAML file.
        names: of all settings, with dots between group and name; what lies below a setting is looked at where it says
            by ``class_path`` and ``init_args`` what it is.

    Yields:
        The keys from the outermost inwards, as YAML has them (with dots of their own, or no text at all); the names.

    Example:
        >>> list(unknown_keys({"data": {"batchsize": 8}, "sed": 1}, ["data.batch_size", "seed"]))
        [(('data', 'batchsize'), ['data.batch_size', 'seed']), (('sed',), ['data.batch_size', 'seed'])]
    """
    groups = {name.partition(".")[0] for name in names if "." in name}
    for group, value in content.items():
        if group in groups and isinstance(value, dict):
            for name, below in value.items():
                if _written((group, name)) in names:
                    yield from _unknown_arguments((group, name), below)
                else:
                    yield (group, name), list(names)
        elif group not in groups and group not in names:
            yield (group,), list(names)


def _unknown_arguments(place: Keys, value: Any) -> Iterator[tuple[Keys, list[str]]]:
    if not isinstance(value, dict) or not isinstance(value.get("init_args"), dict):
        return
    module, _, name = str(value.get("class_path")).rpartition(".")
    try:
        parameters = inspect.signature(getattr(import_module(module), name)).parameters
    except Exception:  # A module of the user's may fail in any way; the parser says how.
        parameters = {}  # type: ignore[assignment]
    # One that takes anything, or that cannot be looked at, is left to the parser.
    open_ended = not parameters or any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    for argument, below in value["init_args"].items():
        keys = (*place, "init_args", argument)
        if not open_ended and argument not in parameters:
            yield keys, [_written((*place, "init_args", parameter)) for parameter in parameters]
        else:
            yield from _unknown_arguments(keys, below)


def _written(keys: Keys) -> str:
    return ".".join(map(str, keys))


def as_problem(file: Path, key: str, there: Sequence[str]) -> Problem:
    """Message about a key that is no setting."""
    close = get_close_matches(key, there, n=1)
    advice = f"write {close[0]} instead of {key}" if close else f"remove {key}; hardpix fit --help lists all settings"
    return Problem("unknown key", file, "settings of hardpix fit", key, advice)


def _remove(content: dict[Any, Any], keys: Keys) -> None:
    first, *rest = keys
    if rest:
        _remove(content[first], tuple(rest))
    else:
        del content[first]
