"""Labels: what stands for a class in a mask, an id or a color; how users write them, counting them, finding them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from hardpix.data.palette import Color

Label = int | Color
HIGHEST_ID = 65535

# More gray levels than this cannot be told apart by eye, so nobody draws with them.
MOST_GRAY_LEVELS = 9


def as_ids(entry: Any) -> tuple[int, ...]:
    """One id or several, as written by users → a tuple of ids.

    Raises:
        ValueError: something else, or a number outside 0…65535.

    Example:
        >>> as_ids(7), as_ids([26, 27])
        ((7,), (26, 27))
    """
    several = entry if _is_list(entry) else [entry]
    if not all(_is_whole(i) and 0 <= i <= HIGHEST_ID for i in several):
        raise ValueError(f"expected an id in 0…{HIGHEST_ID}, or a list of ids, found {entry!r:.80}")
    return tuple(int(i) for i in several)


def as_colors(entry: Any) -> tuple[Color, ...]:
    """One color or several, as written by users → a tuple of colors.

    Raises:
        ValueError: something else.

    Example:
        >>> as_colors([255, 128, 0]), as_colors(["#ff8000", [0, 0, 142]])
        (((255, 128, 0),), ((255, 128, 0), (0, 0, 142)))
    """
    several = _is_list(entry) and all(isinstance(color, str) or _is_list(color) for color in entry)
    return tuple(_as_color(color) for color in (entry if several else [entry]))


def _as_color(entry: Any) -> Color:
    if isinstance(entry, str) and re.fullmatch("#[0-9a-fA-F]{6}", entry):
        entry = tuple(bytes.fromhex(entry[1:]))
    if not _is_list(entry) or len(entry) != 3 or not all(_is_whole(v) and 0 <= v <= 255 for v in entry):
        raise ValueError(
            'expected a color of three numbers in 0…255, such as [255, 128, 0], or in quotes as "#ff8000", '
            f"found {entry!r:.80}"
        )
    red, green, blue = (int(v) for v in entry)
    return red, green, blue


def _is_list(entry: Any) -> bool:
    return isinstance(entry, Sequence | np.ndarray) and not isinstance(entry, str)


def _is_whole(number: Any) -> bool:
    return isinstance(number, int | np.integer) and not isinstance(number, bool)


def count_labels(stored: np.ndarray) -> dict[Label, int]:
    """Number of pixels of each stored id, or of each stored color."""
    if stored.ndim == 3:
        codes, counts = np.unique(_pack(stored), return_counts=True)
        colors = [(int(c) >> 16, int(c) >> 8 & 255, int(c) & 255) for c in codes]
        return dict(zip(colors, counts.tolist(), strict=True))
    every = np.bincount(stored.ravel())
    ids = np.flatnonzero(every)
    return dict(zip(ids.tolist(), every[ids].tolist(), strict=True))


def gray_as_ids(stored: np.ndarray) -> np.ndarray:
    """A mask whose three channels are equal everywhere → one of them, which holds ids; others as they are."""
    return stored if stored.ndim == 2 or (stored[..., :1] != stored).any() else stored[..., 0]


def gray_levels(ids: Collection[int]) -> bool:
    """True for ids that are all the evenly spread gray levels, from black to white, of a drawn mask.

    Example:
        >>> gray_levels([0, 255]), gray_levels([0, 128, 255]), gray_levels([0, 1, 255])
        (True, True, False)
    """
    levels = sorted(ids)
    if not 2 <= len(levels) <= MOST_GRAY_LEVELS or levels[0] != 0 or levels[-1] not in (255, HIGHEST_ID):
        return False
    step = levels[-1] / (len(levels) - 1)
    return all(abs(level - k * step) <= 1 for k, level in enumerate(levels))


def find_colors(stored: np.ndarray, known: Mapping[Color, int], otherwise: int) -> np.ndarray:
    """(H, W, 3) colors → (H, W): what `known` has for each, or `otherwise`."""
    packed = _pack(stored)
    if not known:
        return np.full(packed.shape, otherwise)
    colors = np.array(list(known))
    order = np.argsort(_pack(colors))
    codes, values = _pack(colors)[order], np.array(list(known.values()))[order]
    place = np.searchsorted(codes, packed).clip(max=len(codes) - 1)
    return np.where(codes[place] == packed, values[place], otherwise)


def _pack(colors: np.ndarray) -> np.ndarray:
    return colors.astype(np.int64) @ np.array([65536, 256, 1])
