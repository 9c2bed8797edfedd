"""Checkpoints as files: written beside their place, read back, and only then in place of the one before."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from hardpix.cli.errors import UsageError
from hardpix.data.whole_files import flush_folder, whole_file
from hardpix.training.checkpoints import require_whole
from hardpix.training.lightning_private import is_local


class CheckpointNotSaved(UsageError):
    """A checkpoint that could not be written, or that was not found as it was written."""


class VerifiedCheckpointIO(TorchCheckpointIO):
    """Saves a checkpoint so that a kill, a full disk or a loss of power leaves the earlier one or the new one, whole.

    The new one is written beside its place and flushed. It is then read back: checksums of all its parts, and its step.
    Only then it is renamed over the earlier one, which keeps a second name until the new one is found in its place.

    Args:
        way_on: advice, for the message where it cannot be saved.
    """

    def __init__(self, way_on: Callable[[], str]) -> None:
        super().__init__()
        self.way_on = way_on

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Save and verify.

        Raises:
            CheckpointNotSaved: it cannot be written, or is not as it was written; the message has path and reason.
        """
        if not is_local(path):
            super().save_checkpoint(checkpoint, path, storage_options)
            return
        path, step = Path(path), checkpoint.get("global_step")
        kept = previous_of(path)
        try:
            with whole_file(path, durable=True) as file:
                written = _Written(file)
                _save(checkpoint, written)
                file.flush()
                os.fsync(file.fileno())
                verify(Path(file.name), written.size, step)
                _keep(path, kept)
            verify(path, written.size, step, parts=False)
            kept.unlink(missing_ok=True)
        except (OSError, ValueError) as error:
            left = ", ".join(sorted(file.name for file in path.parent.glob("*.ckpt") if file.is_file())) or "none"
            raise CheckpointNotSaved(
                f"expected to save step {step} in {path}, found that it cannot be: {_reason(error)}; the training "
                f"stops here. Checkpoints that are left in {path.parent}: {left}. Mend the cause; {self.way_on()}"
            ) from error


def previous_of(path: Path) -> Path:
    """The second name of an earlier checkpoint while a new one takes its place.

    Example:
        >>> previous_of(Path("last.ckpt")).name
        'last.previous.ckpt'
    """
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def verify(path: Path, size: int, step: int | None, parts: bool = True) -> None:
    """Look whether a checkpoint is as it was written.

    Args:
        path: of the file.
        size: number of bytes written.
        step: in it.
        parts: also read all of it, and compare the checksum of every part.

    Raises:
        ValueError, OSError: it is not.
    """
    found = path.stat().st_size
    if found != size:
        raise ValueError(f"{size} bytes were written, {found} are there")
    if parts:
        require_whole(path)
    # Only the structure is read. The file was written a moment ago, by this process.
    there = torch.load(path, map_location="cpu", mmap=True, weights_only=False).get("global_step")
    if there != step:
        raise ValueError(f"step {step} was written, step {there} is there")


class _Written:
    """A file that counts its bytes and keeps the first error, which torch hides behind one of its own."""

    def __init__(self, file: Any) -> None:
        self.file = file
        self.size = 0
        self.error: OSError | None = None

    def write(self, data: Any) -> int:
        try:
            count = self.file.write(data)
        except OSError as error:
            self.error = self.error or error
            raise
        self.size += count
        return count

    def flush(self) -> None:
        self.file.flush()


def _save(checkpoint: dict[str, Any], file: _Written) -> None:
    try:
        torch.save(checkpoint, file)  # type: ignore[arg-type]
    except Exception:
        if file.error is not None:
            raise file.error from None
        raise


def _keep(path: Path, kept: Path) -> None:
    """Give an earlier file its second name."""
    if not path.is_file():
        return
    kept.unlink(missing_ok=True)
    try:
        os.link(path, kept)
    except OSError:
        # Some file systems have no second names: for a moment it has the second one alone.
        path.rename(kept)
    with suppress(OSError):
        flush_folder(path.parent)


def _reason(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
