"""Fingerprint of everything that results depend on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from hardpix.data import SegmentationFolder
from hardpix.training.run import Run

# Attributes of other types may be shown by their place in memory, which says nothing.
SIMPLE = (str, int, float, bool, tuple, list, type(None))


def fingerprint(
    run: Run, checkpoint: str, samples: SegmentationFolder, settings: Mapping[str, Any], *parts: nn.Module
) -> str:
    """Hexadecimal number that differs where weights, files or settings do.

    Args:
        run: its configuration counts.
        checkpoint: best, last or a path; counts by its content.
        samples: count by the paths, sizes and times of their files.
        settings: as JSON has them.
        parts: such as refiners, count by their classes, settings and weights.
    """
    whole = _new()
    for path in (run.checkpoint(checkpoint), run.config, run.classes, run.images):
        if path.is_file():
            with path.open("rb") as file:
                whole.update(hashlib.file_digest(file, "blake2b").digest())
    return _of(whole, samples.files, settings, parts)


def fingerprint_of_files(
    files: Mapping[str, Mapping[str, Path]], settings: Mapping[str, Any], *parts: nn.Module
) -> str:
    """The same of results that no run has a part in.

    Args:
        files: by kind and stem; count by their paths, sizes and times.
        settings: as JSON has them.
        parts: such as refiners, count by their classes, settings and weights.
    """
    return _of(_new(), files, settings, parts)


def identity(path: Path) -> list[str | int]:
    """Values that change when a file does, without reading it: its path, size and time.

    Example:
        >>> [type(value).__name__ for value in identity(Path(__file__))]
        ['str', 'int', 'int']
    """
    found = path.stat()
    return [str(path.absolute()), found.st_size, found.st_mtime_ns]


def _new() -> hashlib.blake2b:
    return hashlib.blake2b(digest_size=16)


def _of(
    whole: hashlib.blake2b,
    given: Mapping[str, Mapping[str, Path]],
    settings: Mapping[str, Any],
    parts: Iterable[nn.Module],
) -> str:
    files = [[kind, stem, *identity(path)] for kind, found in given.items() for stem, path in found.items()]
    whole.update(json.dumps([settings, files], default=str).encode())
    for part in parts:
        for name, module in part.named_modules():
            kind = f"{type(module).__module__}.{type(module).__qualname__}"
            own = {
                key: repr(value) for key, value in vars(module).items() if key[0] != "_" and isinstance(value, SIMPLE)
            }
            whole.update(json.dumps([name, kind, own], sort_keys=True).encode())
        for name, value in part.state_dict().items():
            whole.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return whole.hexdigest()
