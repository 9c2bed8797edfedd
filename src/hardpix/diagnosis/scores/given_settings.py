"""Settings that a user's own figures are made with: unknown ones, and those of a report to compare with."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from inspect import Parameter, signature
from typing import Any


def all_settings(kind: Callable[..., Any], given: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Every setting of a class, given or by default, as JSON has it; what JSON has not is a text.

    Args:
        kind: the class.
        given: settings that were given.
        path: its class path, for the message.

    Raises:
        ValueError: a setting that it has not.

    Example:
        >>> class Missed:
        ...     def __init__(self, min_area=1, radius=3): ...
        >>> all_settings(Missed, {"radius": 5}, "my.Missed")
        {'min_area': 1, 'radius': 5}
        >>> all_settings(Missed, {"min_aera": 5}, "my.Missed")
        Traceback (most recent call last):
        ...
        ValueError: my.Missed: expected one of its settings min_area, radius, found min_aera; did you mean min_area?
    """
    parameters = signature(kind).parameters
    if not any(parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters.values()):
        for name in given:
            if name not in parameters:
                close = get_close_matches(name, parameters, n=1)
                advice = f"; did you mean {close[0]}?" if close else ""
                expected = f"one of its settings {', '.join(parameters)}" if parameters else "no settings, it has none"
                raise ValueError(f"{path}: expected {expected}, found {name}{advice}")
    by_default = {
        name: parameter.default for name, parameter in parameters.items() if parameter.default is not Parameter.empty
    }
    return json.loads(json.dumps({**by_default, **given}, default=str))


def settings_like(
    given: Mapping[str, Any], other: Mapping[str, Any], kind: Callable[..., Any], path: str
) -> dict[str, Any]:
    """Settings of another report's figure that were not given here and differ from the class's own.

    Raises:
        ValueError: one that was given differs, so that two figures of one name would mean different things.

    Example:
        >>> class Missed:
        ...     def __init__(self, min_area=1, radius=3): ...
        >>> settings_like({"radius": 5}, {"min_area": 9, "radius": 5}, Missed, "my.Missed")
        {'min_area': 9}
        >>> settings_like({"radius": 4}, {"min_area": 9, "radius": 5}, Missed, "my.Missed")
        Traceback (most recent call last):
        ...
        ValueError: my.Missed: expected radius 5, as in the report to compare with (--against), found 4; leave it \
out to take that one, or diagnose the other again with 4
    """
    here = all_settings(kind, given, path)
    taken = {}
    for name, value in other.items():
        if name not in here or _same(here[name], value):
            continue
        if name in given:
            raise ValueError(
                f"{path}: expected {name} {value}, as in the report to compare with (--against), found {given[name]}; "
                f"leave it out to take that one, or diagnose the other again with {given[name]}"
            )
        taken[name] = value
    return taken


def _same(one: Any, two: Any) -> bool:
    """True of values that are equal up to the digits that a report keeps."""
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(map(_same, one, two))
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (one, two))
    return math.isclose(one, two, rel_tol=1e-5) if numbers else one == two
