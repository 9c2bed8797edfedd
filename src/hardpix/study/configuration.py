"""Configurations as nested dicts: one laid over another, what differs between two, and their hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Config = Mapping[str, Any]


def merged(base: Config, overrides: Config) -> dict[str, Any]:
    """A configuration with others of its values; a setting that becomes another class loses the former's arguments.

    Example:
        >>> base = {"model": {"power": 0.9, "network": {"class_path": "m.A", "init_args": {"depth": 3}}}}
        >>> merged(base, {"model": {"network": {"init_args": {"width": 8}}}})["model"]["network"]
        {'class_path': 'm.A', 'init_args': {'depth': 3, 'width': 8}}
        >>> merged(base, {"model": {"network": {"class_path": "m.B"}}})
        {'model': {'power': 0.9, 'network': {'class_path': 'm.B'}}}
    """
    result = dict(base)
    for key, value in overrides.items():
        below = result.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping) and not _other_class(below, value):
            result[key] = merged(below, value)
        else:
            result[key] = value
    return result


def _other_class(before: Config, after: Config) -> bool:
    if "class_path" not in after:
        return False
    old, new = str(before.get("class_path")), str(after["class_path"])
    if "." in old and "." in new:
        return old != new
    # A class of hardpix, of Lightning or of torch may be named without its module.
    return old.rpartition(".")[2] != new.rpartition(".")[2]


def flat(config: Config, prefix: str = "") -> dict[str, Any]:
    """Every setting by its name with dots.

    Example:
        >>> flat({"seed": 0, "data": {"crop_size": [32, 64]}})
        {'seed': 0, 'data.crop_size': [32, 64]}
    """
    result: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            result |= flat(value, f"{prefix}{key}.")
        else:
            result[f"{prefix}{key}"] = value
    return result


def config_hash(config: Config) -> str:
    """Twelve hexadecimal digits that another configuration does not share, whatever the order of its settings.

    Example:
        >>> config_hash({"a": 1, "b": 2}) == config_hash({"b": 2, "a": 1})
        True
    """
    text = json.dumps(config, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:12]


@dataclass(frozen=True)
class Difference:
    """A setting that two configurations have differently; None where one lacks it."""

    key: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.key}: {_short(self.before)} → {_short(self.after)}"


def differences(before: Config, after: Config) -> list[Difference]:
    """The settings that differ, by name.

    Example:
        >>> [str(found) for found in differences({"model": {"power": 0.9}}, {"model": {"power": 1.0, "warmup": 0}})]
        ['model.power: 0.9 → 1.0', 'model.warmup: null → 0']
    """
    old, new = flat(before), flat(after)
    keys = [*old, *(key for key in new if key not in old)]
    return [Difference(key, old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key)]


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:59] + "…"
