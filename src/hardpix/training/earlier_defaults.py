"""Settings that a run left to the defaults of its time, as they were then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

HARDNESS = ("hardpix.signals.HardnessLevel", "hardpix.signals.hardness_level.HardnessLevel")
# All arguments of HardnessLevel when it had one form; a class of the user's own that extends it has recorded them, too.
OF_ONE_FORM = {"alpha": 0.01, "floor": 0.1, "kind": "copy", "normalize": "batch", "across_processes": True}
PUBLISHED = {"form": "published", "share": 0.5, "cap": 11.0}


def objective_of_before() -> dict[str, Any]:
    """The objective of runs that name none: the published form of learned hardness, on a copy of the decoder."""
    signal = {"class_path": HARDNESS[0], "init_args": {**OF_ONE_FORM, **PUBLISHED}}
    arguments = {"signal": signal, "label_smoothing": 0.0, "auxiliary_weight": 0.4, "across_processes": True}
    return {"class_path": "hardpix.objectives.WeightedCrossEntropy", "init_args": arguments}


def written_out(model: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a run's model that meant something else in its time, with their meaning of then.

    Args:
        model: the group of the run's configuration, in which today's runs record every argument.

    Example:
        >>> written_out({"objective": None, "recipe": None})["objective"] == objective_of_before()
        True
        >>> signal = {"class_path": "hardpix.signals.HardnessLevel", "init_args": {"kind": "light"}}
        >>> written_out({"objective": {"class_path": "Mine", "init_args": {"signal": signal}}})
        ... # doctest: +NORMALIZE_WHITESPACE
        {'objective': {'class_path': 'Mine', 'init_args': {'signal': {'class_path': 'hardpix.signals.HardnessLevel',
        'init_args': {'kind': 'light', 'form': 'published', 'share': 0.5, 'cap': 11.0}}}}}
    """
    if model.get("objective") is None and model.get("recipe") is None:
        return {"objective": objective_of_before()}
    parts = {name: model[name] for name in ("objective", "recipe") if model.get(name) is not None}
    then = {name: _as_then(part) for name, part in parts.items()}
    return {name: part for name, part in then.items() if part != parts[name]}


def _as_then(value: Any) -> Any:
    if isinstance(value, list):
        return [_as_then(below) for below in value]
    if not isinstance(value, Mapping):
        return value
    value = {key: _as_then(below) for key, below in value.items()}
    arguments = value.get("init_args") or {}
    if not isinstance(arguments, Mapping):
        return value
    if value.get("class_path") in HARDNESS or OF_ONE_FORM.keys() <= arguments.keys():
        if "form" not in arguments:
            return {**value, "init_args": {**arguments, **PUBLISHED}}
        if arguments["form"] == "graded":
            # The graded form has always gone without them, and once took any.
            unused = {name: OF_ONE_FORM[name] for name in ("alpha", "floor") if name in arguments}
            return {**value, "init_args": {**arguments, **unused}}
    return value
