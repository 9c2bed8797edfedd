"""Colors for maps of numbers."""

from __future__ import annotations

import numpy as np

# Magma at ten even steps: dark to light in even steps of lightness, so that it also reads in gray and to color-blind
# eyes. Colors by S. van der Walt and N. Smith (matplotlib), CC0.
MAGMA = ("#000004", "#180f3d", "#440f76", "#721f81", "#9e2f7f", "#cd4071", "#f1605d", "#fd9668", "#feca8d", "#fcfdbf")


def heat_colors() -> np.ndarray:
    """The 256 colors of a map of numbers, lowest first: (256, 3) uint8.

    >>> heat_colors()[[0, 255]].tolist()
    [[0, 0, 4], [252, 253, 191]]
    """
    anchors = np.array([[int(color[i : i + 2], 16) for i in (1, 3, 5)] for color in MAGMA], dtype=float)
    at = np.linspace(0, len(MAGMA) - 1, 256)
    channels = [np.interp(at, np.arange(len(MAGMA)), anchors[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=1).round().astype(np.uint8)
