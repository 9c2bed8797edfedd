"""Checks of what a run's files hold, before any of it is used; each message names the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from pathlib import Path
from typing import Any

from torch import Tensor

RESTORE = "bring the file back as hardpix fit wrote it, or start a new run"
# Far above what any network needs; padding to more would ask for all memory.
HIGHEST_DIVISOR = 8192


def require_config(config: dict[str, Any], file: Path) -> dict[str, Any]:
    """Settings of a run that inference and resuming read from its config.yaml, as they are.

    Raises:
        ValueError: one is missing, or something else than it should be.
    """
    for name in ("model", "data"):
        if not isinstance(config.get(name), dict):
            found = f"{config.get(name)!r:.80}"
            raise ValueError(
                f"{file}: expected the settings of {name} in the run's config.yaml, found {found}; {RESTORE}"
            )
    data = config["data"]
    for name, expected, holds in _OF_DATA:
        _require(file, f"data.{name}", data.get(name), expected, holds)
    return config


def require_split(split: dict[str, Any], file: Path) -> dict[str, Any]:
    """Parts of a run's split.yaml, as they are.

    Raises:
        ValueError: one is missing, or has no folder or no stems.
    """
    for name in {"train": None, "val": None} | split:
        part: Any = split.get(name)
        _require(file, name, part, f"a part with {', '.join(_OF_PART)}", lambda value: isinstance(value, dict))
        if unknown := sorted(map(str, set(part) - set(_OF_PART))):
            raise ValueError(f"{file}: expected no {unknown[0]} in {name}, found one; {RESTORE}")
        for key, (expected, holds) in _OF_PART.items():
            if key in part or key in ("images", "stems"):
                _require(file, f"{name}.{key}", part.get(key), expected, holds)
    return split


def require_weights(content: Mapping[str, Any], file: Path) -> None:
    """Weights of a checkpoint by their names.

    Raises:
        ValueError: they are something else.
    """

    def named(value: Any) -> bool:
        return isinstance(value, dict) and all(isinstance(name, str) for name in value)

    weights = content["state_dict"]
    _require(file, "state_dict", weights, "weights by their names", named)
    # Modules may keep more than tensors under this name.
    kept = {name: value for name, value in weights.items() if not name.endswith("_extra_state")}
    if other := next((name for name, value in kept.items() if not isinstance(value, Tensor)), None):
        raise ValueError(f"{file}: expected a tensor as {other}, found {kept[other]!r:.80}; {RESTORE}")


def require_progress(content: Mapping[str, Any], file: Path) -> int:
    """Number of whole epochs behind a checkpoint that a training can go on from.

    Raises:
        ValueError: what a training goes on from is missing.
    """
    _require(file, "global_step", content.get("global_step"), "a number of steps", _is_count)
    version = "pytorch-lightning_version"
    _require(file, version, content.get(version), "a text", _is_text)
    for name in ("optimizer_states", "lr_schedulers"):
        _require(file, name, content.get(name), "a list", lambda value: isinstance(value, list))
    for name in ("callbacks", "loops"):
        _require(file, name, content.get(name), "settings", lambda value: isinstance(value, dict))
    found: Any = content["loops"]
    for name in ("fit_loop", "epoch_progress", "current", "processed"):
        found = found.get(name) if isinstance(found, dict) else None
    _require(file, "loops", found, "a number of epochs", _is_count)
    return int(found)


def _require(file: Path, name: str, found: Any, expected: str, holds: Callable[[Any], bool]) -> None:
    if not holds(found):
        shown = "none" if found is None else f"{found!r:.80}"
        raise ValueError(f"{file}: expected {expected} as {name}, found {shown}; {RESTORE}")


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return _is_int(value) and value >= 0


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) and 0 < value <= 64


_OF_DATA: tuple[tuple[str, str, Callable[[Any], bool]], ...] = (
    ("ignore_index", "a number below 2³¹", lambda value: _is_int(value) and abs(value) < 2**31),
    ("resolution", "a number from 0 to 64", _is_share),
    (
        "divisor",
        f"a number from 1 to {HIGHEST_DIVISOR}",
        lambda value: _is_int(value) and 1 <= value <= HIGHEST_DIVISOR,
    ),
)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_list_of_stems(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(stem, str) for stem in value)


_OF_PART: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "images": ("a folder", _is_text),
    "masks": ("a folder, or null", lambda value: value is None or isinstance(value, str)),
    "image_suffix": ("a text", _is_text),
    "mask_suffix": ("a text", _is_text),
    "stems": ("a list of file stems", _is_list_of_stems),
}
