"""Settings that a resumed run keeps though the command line names their class anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any


def kept_settings(arguments: Sequence[str], config: Mapping[str, Any]) -> list[str]:
    """Sentences on classes that are named as the run has them: their saved arguments stay, which a user may not expect.

    Args:
        arguments: words of the command line.
        config: the settings that the run was started with.

    Example:
        >>> signal = {"class_path": "hardpix.signals.HardnessLevel", "init_args": {}}
        >>> saved = {"class_path": "hardpix.objectives.WeightedCrossEntropy", "init_args": {"signal": signal}}
        >>> config = {"model": {"objective": saved}}
        >>> kept_settings(["--model.objective", "WeightedCrossEntropy"], config)
        ['--model.objective WeightedCrossEntropy changes nothing: the run has it with signal HardnessLevel, which is \
trained on; start a new run for another one']
        >>> kept_settings(["--model.objective=WeightedCrossEntropy", "--model.objective.signal", "Focal"], config)
        []
    """
    words = [part for word in arguments for part in (word.split("=", 1) if word.startswith("--model.") else [word])]
    options = [word for word in words if word.startswith("--model.")]
    said = []
    for option, value in pairwise(words):
        saved = _at(config, option) if option.startswith("--model.") else None
        if not isinstance(saved, Mapping) or "class_path" not in saved or value.startswith("--"):
            continue
        path = str(saved["class_path"])
        parts = {name: part for name, part in (saved.get("init_args") or {}).items() if _is_class(part)}
        same = path == value or path.endswith(f".{value}")
        if same and parts and not any(other.startswith(f"{option}.") for other in options):
            shown = " and ".join(f"{name} {part['class_path'].rpartition('.')[2]}" for name, part in parts.items())
            verb = "are" if len(parts) > 1 else "is"
            said.append(
                f"{option} {value} changes nothing: the run has it with {shown}, which {verb} trained on; start a new "
                "run for another one"
            )
    return said


def _is_class(setting: Any) -> bool:
    return isinstance(setting, Mapping) and isinstance(setting.get("class_path"), str)


def _at(config: Mapping[str, Any], option: str) -> Any:
    """Setting of an option such as --model.recipe.objective; None if there is none."""
    found: Any = config
    for name in option.removeprefix("--").replace(".init_args", "").split("."):
        if _is_class(found):
            found = found.get("init_args")
        found = found.get(name) if isinstance(found, Mapping) else None
    return found
