"""Masks of black and white whose edges have grays in between: drawn or resized smoothly, or once saved as jpg."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from hardpix.data.labels import HIGHEST_ID, Label

# A jpg's blocks have 8 pixels a side, so that an edge reaches no farther.
REACH = 8

# Fewer values in between may be classes that are drawn in grays.
FEWEST_GRAYS = 3

# Share of the pixels that is black or white; even thin lines, drawn smoothly, leave most of a picture black.
LEAST_SHARE = 0.5

# Share of the grays that lies along edges.
LEAST_ALONG_EDGES = 0.95


def between_black_and_white(stored: np.ndarray, labels: Mapping[Label, int]) -> int:
    """Number of a mask's pixels that are grays along edges between black (0) and white (255 or 65535).

    It is 0 for masks of another kind: of ids, or with grays in the middle of things.

    Example:
        >>> ramp = np.array([[0] * 20 + [60, 120, 180, 240] + [255] * 20] * 9, np.uint8)
        >>> between_black_and_white(ramp, {0: 180, 60: 9, 120: 9, 180: 9, 240: 9, 255: 180})
        36
    """
    white = max((label for label in labels if isinstance(label, int)), default=0)
    if stored.ndim != 2 or white not in (255, HIGHEST_ID) or 0 not in labels:
        return 0
    grays = [label for label in labels if isinstance(label, int) and 0 < label < white]
    if len(grays) < FEWEST_GRAYS or not min(grays) < white / 2 < max(grays):
        return 0
    if labels[0] + labels[white] < LEAST_SHARE * stored.size:
        return 0
    bright = (stored > white / 2).astype(np.uint8)
    window = np.ones((2 * REACH + 1, 2 * REACH + 1), np.uint8)
    edges = cv2.dilate(bright, window) != cv2.erode(bright, window)
    between = (stored > 0) & (stored < white)
    count = int(between.sum())
    return count if (between & edges).sum() >= LEAST_ALONG_EDGES * count else 0
