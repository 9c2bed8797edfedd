"""Rules that a class table keeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from hardpix.data.labels import HIGHEST_ID


def refuse_twice(what: str, values: Sequence[Any]) -> None:
    """Each value stands once.

    Raises:
        ValueError: some stand more often.
    """
    twice = sorted(value for value, count in Counter(values).items() if count > 1)
    if twice:
        raise ValueError(f"expected each {what} once in the class table, found {twice} more than once")


def require_palette(palette: str, colors: Sequence[Any]) -> None:
    """Palette files are read by ids, or by colors that the table has.

    Raises:
        ValueError: it is not so.

    Example:
        >>> require_palette("colors", [])
        Traceback (most recent call last):
        ValueError: expected a colour for every class where palette is colors, found none: add them to the table
    """
    if palette not in ("ids", "colors"):
        raise ValueError(f"expected palette to be ids or colors, found {palette!r:.80}")
    if palette == "colors" and not colors:
        raise ValueError("expected a colour for every class where palette is colors, found none: add them to the table")


def require_threshold(threshold: Any, ids: Sequence[Sequence[int]], ignored: Sequence[int]) -> None:
    """A threshold parts the ids of two classes, and leaves no number unlabeled.

    Raises:
        ValueError: it does not.
    """
    if threshold is None:
        return
    if not isinstance(threshold, int) or isinstance(threshold, bool) or not 1 <= threshold <= HIGHEST_ID:
        raise ValueError(f"expected a threshold in 1…{HIGHEST_ID}, found {threshold!r:.80}")
    if len(ids) != 2 or not max(ids[0]) < threshold <= min(ids[1]):
        raise ValueError(
            f"expected two classes, the first with ids below the threshold {threshold} and the second with ids at or "
            f"above it, found {len(ids)} with the ids {list(map(list, ids))}"
        )
    if ignored:
        raise ValueError(
            f"expected no ignore_ids beside a threshold, which gives every number a class, found {list(ignored)}"
        )


def require_among(assumed: Sequence[int], ignored: Sequence[int]) -> None:
    """Requires that ids assumed to be unlabeled are unlabeled.

    Raises:
        ValueError: it is not.
    """
    if not set(assumed) <= set(ignored):
        raise ValueError(f"expected assumed_ids among ignore_ids, found {list(assumed)} and {list(ignored)}")
