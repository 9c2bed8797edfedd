"""Dump of a training step that went wrong: its batch, the state before it, and its seed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hardpix.data.whole_files import whole_file

FORMAT = 1
KEYS = frozenset(
    {"step", "epoch", "batch", "progress", "seed", "precision", "map_kinds", "losses", "batches", "state_dict"}
)


def write_dump(file: Path, dump: Mapping[str, Any]) -> None:
    """Write a dump, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    with whole_file(file) as written:
        torch.save({"format": FORMAT, **dump}, written)


def read_dump(file: Path) -> dict[str, Any]:
    """Read a dump; it holds tensors, numbers and text alone, so that reading a stranger's runs no code.

    Raises:
        ValueError: the file is none.
    """
    try:
        dump = torch.load(file, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise
    except Exception as error:  # Bytes of another program, read as a pickle, may come to anything.
        raise ValueError(f"expected a dump that hardpix fit wrote, found a file that cannot be read, {file}") from error
    if not isinstance(dump, dict) or not dump.keys() >= KEYS:
        raise ValueError(f"expected a dump that hardpix fit wrote, found another kind of file, {file}")
    return dump


def as_stored(value: Any) -> Any:
    """Tensors on the CPU, numbers, text, and dicts and lists of them; whatever else there is becomes None.

    Example:
        >>> as_stored({"image": torch.ones(1), "stem": ("a", "b"), "own": object()})
        {'image': tensor([1.]), 'stem': ['a', 'b'], 'own': None}
    """
    if isinstance(value, Tensor):
        return value.detach().as_subclass(Tensor).to("cpu", copy=True)
    if isinstance(value, Mapping):
        return {str(key): as_stored(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [as_stored(entry) for entry in value]
    return value if isinstance(value, str | bool | int | float) else None


def stems_of(batch: Any) -> list[str]:
    """Stems of the images of a batch, or of the batches of several streams.

    Example:
        >>> stems_of({"labeled": {"image": torch.ones(1), "stem": ["a"]}, "unlabeled": {"stem": ["b"]}})
        ['a', 'b']
    """
    if not isinstance(batch, Mapping):
        return []
    own = batch.get("stem", ())
    names = [str(stem) for stem in own] if isinstance(own, list | tuple) else []
    return names + [stem for entry in batch.values() for stem in stems_of(entry)]
