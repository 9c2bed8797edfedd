"""A sentence of the report, and figures within one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Below this nobody would act on it: a tenth of a point.
WORTH_SAYING = 0.001

Sentence = dict[str, Any]


def said(text: str, view: str, chosen: Mapping[str, Any] | None = None) -> Sentence:
    """A sentence, the view that shows it, and what is chosen there."""
    return {"text": text, "view": view, "filter": dict(chosen) if chosen else None}


def points(cost: float) -> str:
    """Points of mIoU with their sign.

    Example:
        >>> points(0.0187), points(-0.002)
        ('+1.9', '−0.2')
    """
    return f"{100 * cost:+.1f}".replace("-", "−")
