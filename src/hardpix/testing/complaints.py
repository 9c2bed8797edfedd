"""One form of complaint for all checks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from hardpix.pixels import PixelBatch


def require(condition: bool, message: str) -> None:
    """Raise an AssertionError, with ``python -O`` too."""
    if not condition:
        raise AssertionError(message)


@contextmanager
def during(what: str) -> Iterator[None]:
    """Say of any error where it came up.

    Example:
        >>> with during("one pixel"):
        ...     [][0]
        Traceback (most recent call last):
        ...
        AssertionError: one pixel: list index out of range
    """
    try:
        yield
    except Exception as error:
        raise AssertionError(f"{what}: {error}") from error


@contextmanager
def named(name: str) -> Iterator[None]:
    """Put a class's name before a complaint; other errors stay as they are."""
    try:
        yield
    except AssertionError as error:
        raise AssertionError(f"{name}, {error}") from error


def require_map(found: Tensor, px: PixelBatch) -> None:
    """Refuse what is not (B, H, W), float32, finite and ≥ 0."""
    shape, dtype = tuple(found.shape), torch.promote_types(torch.float32, px.logits.dtype)
    require(shape == px.shape, f"expected a map of shape {px.shape} (B, H, W, as the target), found {shape}")
    require(
        found.dtype == dtype,
        f"expected a map in {dtype}, found {found.dtype}: compute from at_least_float32(px.logits), outside of "
        "autocast",
    )
    for wrong, kind in ((~found.isfinite(), "a finite map"), (found < 0, "a map ≥ 0")):
        if count := int(wrong.sum()):
            example = found[wrong].flatten()[0].item()
            raise AssertionError(f"expected {kind}, found {example:g} in {count} of {found.numel()} pixels")
