"""Helpers for the tests of signals and objectives."""

from types import ModuleType
from typing import Any

from torch import Tensor

from hardpix.pixels import PixelBatch, Taps

TAPS = ("features", "embedding", "auxiliary", "stages", "without_graph")
BATCH = ("ignore_index", "teacher", "progress")


def public_classes(room: ModuleType, contract: type) -> set[type]:
    """Classes of a contract that a room exports, without the contract itself."""
    exported = (getattr(room, name) for name in room.__all__)
    return {kind for kind in exported if isinstance(kind, type) and issubclass(kind, contract)} - {contract}


def batch_of(logits: Tensor, target: Tensor | None = None, **known: Any) -> PixelBatch:
    """A batch from what is known of it: taps, maps of the sample and the rest, each by its own name."""
    known = {name: value for name, value in known.items() if value is not None}
    taps = Taps(**{name: known.pop(name) for name in TAPS if name in known})
    rest = {name: known.pop(name) for name in BATCH if name in known}
    return PixelBatch(logits, target, sample=known, taps=taps, **rest)
