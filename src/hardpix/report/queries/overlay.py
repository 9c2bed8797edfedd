"""Pictures of an image in which what is to be labeled stands out."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from hardpix.report.queries.regions import Region

YELLOW, BLACK = (255, 212, 0), (0, 0, 0)
# In pixels, around a single pixel.
_RING = 6


def overlay(picture: np.ndarray, regions: Sequence[Region], single: bool) -> np.ndarray:
    """The image, darker where nothing is asked for, with a frame around each region or a ring around each pixel.

    Args:
        picture: (H, W, 3) uint8.
        regions: to label.
        single: whether they are single pixels.

    Returns:
        (H, W, 3) uint8.

    Example:
        >>> region = Region(1, (2, 2, 7, 7), (4, 4), 25, 0.9, 0, 1.0, 0.5)
        >>> drawn = overlay(np.full((9, 9, 3), 100, np.uint8), [region], single=False)
        >>> drawn[4, 4].tolist(), drawn[1, 4].tolist(), drawn[8, 8].tolist()
        ([100, 100, 100], [255, 212, 0], [45, 45, 45])
    """
    drawn = (picture * 0.45).astype(np.uint8)
    for region in regions:
        top, left, bottom, right = region.box
        if single:
            center = (region.center[1], region.center[0])
            cv2.circle(drawn, center, _RING, BLACK, 3)
            cv2.circle(drawn, center, _RING, YELLOW, 1)
        else:
            cv2.rectangle(drawn, (left - 1, top - 1), (right, bottom), YELLOW, 1)
    # After the frames, which may lie over a neighbor.
    for region in regions:
        top, left, bottom, right = region.box
        drawn[top:bottom, left:right] = picture[top:bottom, left:right]
    return drawn
