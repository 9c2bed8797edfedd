"""Rules that a class table keeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from hardpix.data.labels import HIGHEST_ID
from hardpix.pixels.class_tree import ClassTree


def refuse_twice(what: str, values: Sequence[Any]) -> None:
    """Each value stands once.

    Raises:
        ValueError: some stand more often.
    """
    twice = sorted(value for value, count in Counter(values).items() if count > 1)
    if twice:
        raise ValueError(f"expected each {what} once in the class table, found {twice} more than once")


def as_tree(tree: Any, names: tuple[str, ...]) -> ClassTree | None:
    """The tree of the classes, from nested groups or as it is; None where there is none.

    Raises:
        ValueError: its groups are not of these classes.

    Example:
        >>> as_tree({"vehicle": ["car"]}, ("sky", "car")).paths
        ((), ('vehicle',))
    """
    if tree is None or (isinstance(tree, ClassTree) and tree.class_names == names):
        return tree
    return ClassTree.from_groups(tree.groups if isinstance(tree, ClassTree) else tree, names)


def require_palette(palette: str | None, colors: Sequence[Any]) -> None:
    """Palette files are read by ids, or by colors that the table has.

    Raises:
        ValueError: it is not so.

    Example:
        >>> require_palette("colors", [])
        Traceback (most recent call last):
        ValueError: expected a color for every class where palette is colors, found none: add them to the table
    """
    if palette not in (None, "ids", "colors"):
        raise ValueError(f"expected palette to be ids or colors, found {palette!r:.80}")
    if palette == "colors" and not colors:
        raise ValueError("expected a color for every class where palette is colors, found none: add them to the table")


def require_made_up(made_up: Any, colors: Sequence[Any]) -> None:
    """Classes whose ids are made up have colors.

    Raises:
        ValueError: it is not so.
    """
    if not isinstance(made_up, bool) or (made_up and not colors):
        found = f"{made_up!r:.80} with {len(colors)} colors"
        raise ValueError(f"expected ids_made_up to be true or false, and true with colors alone, found {found}")


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


def require_no_class(ignore_index: int, classes: int) -> None:
    """Requires that what marks unlabeled pixels in targets is not the number of a class.

    Pixels of that class would take no part, while it may still be predicted, so that mIoU counts it as wrong.

    Raises:
        ValueError: it is the number of a class.

    Example:
        >>> require_no_class(0, 2)
        Traceback (most recent call last):
        ValueError: expected an ignore_index that is no class, found 0 with 2 classes: choose a negative one or one ...
    """
    if 0 <= ignore_index < classes:
        raise ValueError(
            f"expected an ignore_index that is no class, found {ignore_index} with {classes} classes: "
            "choose a negative one or one above the classes"
        )


def require_among(assumed: Sequence[int], ignored: Sequence[int]) -> None:
    """Requires that ids assumed to be unlabeled are unlabeled.

    Raises:
        ValueError: it is not.
    """
    if not set(assumed) <= set(ignored):
        raise ValueError(f"expected assumed_ids among ignore_ids, found {list(assumed)} and {list(ignored)}")
