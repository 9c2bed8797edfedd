"""A perspective camera that looks along a street which may bend and climb.

Street coordinates are meters: ``lateral`` to the right of the road's axis, ``height`` above the road, ``along`` ahead
of the camera. Pixel coordinates are continuous: pixel ``j`` covers ``[j, j + 1)``.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Camera:
    """Place and direction of the camera, and the course of the street before it."""

    size: tuple[int, int]
    focal: float  # pixels
    horizon: float  # row of the horizon at the image's center, for a level street
    lateral: float  # meters right of the road's axis
    height: float  # meters above the road
    roll: float  # radians
    heading: float  # slope of the road's axis against the line of sight
    bend: float  # 1 / meters
    climb: float  # 1 / meters: positive climbs ever more, negative falls away behind a crest

    def to_camera(self, street: Array) -> Array:
        """Street coordinates (..., 3) to camera coordinates (..., 3): right, down, ahead."""
        lateral, height, along = street[..., 0], street[..., 1], street[..., 2]
        # Beyond 120 m the road goes on straight: a parabola would turn back upon the camera's own side.
        near = np.minimum(along, 120.0)
        squared = near * near + 2.0 * near * (along - near)
        right = lateral - self.lateral + self.heading * along + 0.5 * self.bend * squared
        down = self.height - height - 0.5 * self.climb * squared
        cosine, sine = np.cos(self.roll), np.sin(self.roll)
        return np.stack([cosine * right - sine * down, sine * right + cosine * down, along], axis=-1)

    def to_pixels(self, street: Array) -> Array:
        """Street coordinates (..., 3) to (..., 3): column, row, and depth in meters."""
        point = self.to_camera(street)
        depth = np.maximum(point[..., 2], 0.5)
        column = 0.5 * self.size[1] + self.focal * point[..., 0] / depth
        row = self.horizon + self.focal * point[..., 1] / depth
        return np.stack([column, row, depth], axis=-1)


def plane_coefficients(pixels: Array, values: Array) -> Array:
    """Coefficients of what is linear on a plane in space, as a function of the pixel.

    On a plane seen in perspective, 1 / depth and (surface coordinate) / depth are linear in column and row. For three
    points of each of n planes, ``pixels`` (n, 3, 3) holds column, row and depth, ``values`` (n, 3, k) what to
    interpolate. The result (n, 3, k + 1) gives, times (column, row, 1): first 1 / depth, then each value / depth.
    A plane seen edge-on has no such coefficients and gets its first point's values everywhere.
    """
    inverse = 1.0 / pixels[..., 2:]
    wanted = np.concatenate([inverse, values * inverse], axis=-1)
    corner = np.concatenate([pixels[..., :2], np.ones_like(inverse)], axis=-1)
    first, second, third = corner[:, 0], corner[:, 1], corner[:, 2]
    rows = np.stack([np.cross(second, third), np.cross(third, first), np.cross(first, second)], axis=1)
    determinant = np.einsum("nk,nk->n", first, rows[:, 0])
    edge_on = np.abs(determinant) < 1e-6
    solved = np.einsum("nij,nik->njk", rows, wanted) / np.where(edge_on, 1.0, determinant)[:, None, None]
    constant = np.zeros_like(solved)
    constant[:, 2] = wanted[:, 0]
    return np.where(edge_on[:, None, None], constant, solved)
