"""Configuration files, and all of their keys that mean nothing in one list."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterator, Sequence
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ActionConfigFile

from hardpix.cli.moved import content_of, with_new_places
from hardpix.cli.own_modules import name_modules
from hardpix.data import Problem

Keys = tuple[Any, ...]


class ConfigFile(ActionConfigFile):
    """A YAML file of settings; its unknown keys go to ``parser.unknown_keys`` and the others are read.

    The parser alone would stop at the first, and not say in which file it is.
    """

    def __call__(self, parser: Any, cfg: Any, values: Any, option_string: str | None = None) -> None:
        content, is_file = content_of(values)
        if isinstance(content, dict):
            name_modules(repr(content))
            names = [action.dest for action in parser._actions]
            moved = with_new_places(content)
            unknown = list(unknown_keys(moved, names)) if is_file else []
            parser.unknown_keys += [as_problem(Path(values), _written(keys), there) for keys, there in unknown]
            for keys, _ in unknown:
                _remove(moved, keys)
            if moved != content:
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
    # A class has --NAME.help, and is no group.
    places = [name.split(".")[:-1] for name in names if not name.endswith(".help")]
    groups = {".".join(place[:depth]) for place in places for depth in range(1, len(place) + 1)}
    yield from _unknown_in_group((), content, names, groups)


def _unknown_in_group(
    place: Keys, value: dict[Any, Any], names: Sequence[str], groups: Collection[str]
) -> Iterator[tuple[Keys, list[str]]]:
    for key, below in value.items():
        keys = (*place, key)
        written = _written(keys)
        if written in groups and isinstance(below, dict):
            yield from _unknown_in_group(keys, below, names, groups)
        elif written in names:
            yield from _unknown_arguments(keys, below)
        elif written not in groups:
            yield keys, list(names)


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
