"""Colors for classes that have none."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

Color = tuple[int, int, int]

# Okabe and Ito (2008), "Color Universal Design", without black, which vanishes in dark images.
OKABE_ITO: tuple[Color, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)

# The colors in which reports show kinds of error, and suspect labels: no class may be taken for one.
ERROR_COLORS: dict[str, Color] = {
    "displaced": OKABE_ITO[1],
    "missed": OKABE_ITO[5],
    "false": OKABE_ITO[3],
    "confused": OKABE_ITO[6],
    "suspect": (255, 0, 255),
}

# CIELAB lightness that every color has at least.
DARKEST = 20

# Linear RGB as seen by someone without the cones for long, medium or short waves: Machado, Oliveira, Fernandes,
# "A Physiologically-based Model for Simulation of Color Vision Deficiency" (2009), severity 1.
_SIGHTS = np.array(
    [
        [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    ]
)
_RGB_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


@lru_cache
def palette(count: int) -> tuple[Color, ...]:
    """`count` different colors that color-blind people can tell apart as far as possible, from errors, too.

    The first three are those of Okabe and Ito that no kind of error has. Each further one is, out of a grid over RGB
    without grays, the farthest from all before it and from the colors of errors: the distance is the smallest of those
    in CIELAB under normal sight, protanopia, deuteranopia and tritanopia. A longer palette begins with the shorter one.

    Example:
        >>> palette(2)
        ((230, 159, 0), (0, 158, 115))
    """
    chosen = [color for color in OKABE_ITO if color not in ERROR_COLORS.values()]
    if count <= len(chosen):
        return tuple(chosen[:count])
    steps = np.linspace(0, 255, 10).round().astype(int)
    grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    # A color that is nearly black hides the image below it.
    grid = grid[(np.ptp(grid, axis=1) > 0) & (as_seen(grid)[0, :, 0] > DARKEST)]
    seen = as_seen(grid)
    nearest = np.full(len(grid), np.inf)
    for color in (*chosen, *ERROR_COLORS.values()):
        nearest = np.minimum(nearest, _distance(seen, as_seen(np.array([color]))))
    while len(chosen) < count:
        farthest = int(nearest.argmax())
        red, green, blue = grid[farthest].tolist()
        chosen.append((red, green, blue))
        nearest = np.minimum(nearest, _distance(seen, seen[:, farthest : farthest + 1]))
    return tuple(chosen)


def as_seen(colors: np.ndarray) -> np.ndarray:
    """(N, 3) sRGB 0…255 → (4, N, 3) CIELAB: under normal sight and the three kinds of color blindness."""
    share = colors / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    xyz = np.clip(linear @ _SIGHTS.transpose(0, 2, 1), 0, 1) @ _RGB_TO_XYZ.T
    ratio = xyz / _RGB_TO_XYZ.sum(axis=1)
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack(
        [116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])],
        axis=-1,
    )


def _distance(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.linalg.norm(one - other, axis=-1).min(axis=0)
