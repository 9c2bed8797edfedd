"""Windows over a label map: whether they hold one class or several, and which pixels they cover."""

import cv2
import numpy as np

from hardpix.metrics.label_pair import ignore_index_of

CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))


def square(radius: int) -> np.ndarray:
    """The (2·radius + 1)² window, for cv2's morphology."""
    return np.ones((2 * radius + 1, 2 * radius + 1), dtype=np.uint8)


def disc(radius: int) -> np.ndarray:
    """The pixels at most ``radius`` from the center, for cv2's morphology, whose own ellipse is no disc.

    Example:
        >>> disc(2)
        array([[0, 0, 1, 0, 0],
               [0, 1, 1, 1, 0],
               [1, 1, 1, 1, 1],
               [0, 1, 1, 1, 0],
               [0, 0, 1, 0, 0]], dtype=uint8)
    """
    steps = np.arange(-radius, radius + 1)
    return (steps[:, None] ** 2 + steps**2 <= radius**2).astype(np.uint8)


def holds_several_classes(labels: np.ndarray, window: np.ndarray) -> np.ndarray:
    """Mask of the pixels whose window holds labeled pixels of two classes or more.

    It does iff its largest and its smallest label differ. Unlabeled pixels take no part, but have windows of their
    own; there is nothing outside the image.

    Args:
        labels: (H, W) uint8 or uint16; the type's largest value is no label.
        window: of cv2's morphology, odd sides.

    Returns:
        (H, W) bool.

    Example:
        >>> holds_several_classes(np.array([[0, 0, 255, 1, 1]], dtype=np.uint8), square(2))
        array([[False,  True,  True,  True, False]])
    """
    ignore_index = ignore_index_of(labels)
    lowest = cv2.erode(labels, window)
    highest = cv2.dilate(labels * (labels != ignore_index), window)
    return (lowest != highest) & (lowest != ignore_index)


def covered(where: np.ndarray, window: np.ndarray) -> np.ndarray:
    """The pixels in the windows around the pixels ``where``: a dilation, (H, W) bool."""
    return cv2.dilate(where.view(np.uint8), window).view(bool)
