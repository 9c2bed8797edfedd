"""Batches of a step by the name of their stream."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import Tensor

from hardpix.recipes.base import Batch


def by_stream(batch: dict[str, Any], map_kinds: Iterable[str]) -> dict[str, Batch]:
    """Batches by stream; one alone is that of the labeled images."""
    known = {"image", "target", "target_weight", *map_kinds}
    return {
        name: {key: value for key, value in entries.items() if key in known or not _like_a_map(value)}
        for name, entries in ({"labeled": batch} if "image" in batch else batch).items()
    }


def _like_a_map(value: Any) -> bool:
    """True of entries that would pass for maps of the pixels: those that nobody declared may be anything."""
    return isinstance(value, Tensor) and value.ndim > 2
