"""Label maps: stored ids → numbers of classes, as users write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def classes_and_ignored(label_map: Mapping[Any, int | str]) -> tuple[list[list[int]], list[int]]:
    """The stored ids of each class 0 … C−1, and those mapped to "ignore".

    Raises:
        ValueError: a value is neither a number nor "ignore", there is no class, or a number is left out.

    Example:
        >>> classes_and_ignored({7: 0, 8: 1, 9: 1, 11: "ignore"})
        ([[7], [8, 9]], [11])
    """
    merged: dict[int, list[int]] = {}
    ignored = []
    for stored, index in label_map.items():
        if isinstance(index, str):
            if index != "ignore":
                raise ValueError(f'expected a class number or "ignore" for id {stored}, found {index!r}')
            ignored.append(int(stored))
        else:
            merged.setdefault(int(index), []).append(int(stored))
    if not merged:
        raise ValueError(
            f"expected every class in the label map, found ids to ignore alone ({', '.join(map(str, ignored))}): "
            "name the classes too, as in '{0: ignore, 1: 0, 2: 1}'; hardpix check without a label map lists the ids"
        )
    if sorted(merged) != list(range(len(merged))):
        numbers = {index: k for k, index in enumerate(sorted(merged))}
        pairs = [f"{i}: {x if isinstance(x, str) else numbers[int(x)]}" for i, x in label_map.items()]
        raise ValueError(
            f"expected class numbers 0, 1, 2 … without a gap, found {sorted(merged)}: "
            f"renumber them, as in '{{{', '.join(pairs)}}}'"
        )
    return [merged[index] for index in range(len(merged))], ignored
