"""Tileable textures, one atlas for all scenes: what surfaces look like beyond one flat color."""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

TILE = 256
PLAIN, GRAIN, STAINS, BRICK, PAVING, PLANKS, LEAVES, CLOUD = range(8)


def smooth_noise(rng: np.random.Generator, cells: int) -> NDArray[np.float32]:
    """Tileable noise (TILE, TILE) whose features are TILE / cells texels wide; mean about 0, standard deviation 1."""
    grid = rng.standard_normal((cells, cells)).astype(np.float32)
    wide = cv2.resize(np.tile(grid, (3, 3)), (3 * TILE, 3 * TILE), interpolation=cv2.INTER_CUBIC)
    tile = wide[TILE : 2 * TILE, TILE : 2 * TILE]
    return (tile - tile.mean()) / tile.std()


def octaves(rng: np.random.Generator, cells: tuple[int, ...], weights: tuple[float, ...]) -> NDArray[np.float32]:
    """A weighted sum of smooth noises."""
    return np.sum([w * smooth_noise(rng, c) for c, w in zip(cells, weights, strict=True)], axis=0).astype(np.float32)


def joints(rows: int, columns: int, offset: bool, width: int) -> NDArray[np.float32]:
    """1 on the joints of rows × columns stones, 0 on the stones; every other row may be offset by half a stone."""
    y, x = np.mgrid[:TILE, :TILE]
    course = y * rows // TILE
    shifted = x + (course % 2) * (TILE // columns // 2 if offset else 0)
    return ((y % (TILE // rows) < width) | (shifted % (TILE // columns) < width)).astype(np.float32)


def stones(rng: np.random.Generator, rows: int, columns: int) -> NDArray[np.float32]:
    """One value a stone."""
    values = rng.standard_normal((rows, columns)).astype(np.float32)
    return np.kron(values, np.ones((TILE // rows, TILE // columns), np.float32))


@lru_cache(maxsize=1)
def atlas() -> NDArray[np.float32]:
    """All textures (8, TILE, TILE): deviations of about unit size around 0, the same in every process."""
    rng = np.random.default_rng(20240229)
    grain = octaves(rng, (256, 128, 32, 8), (0.7, 0.5, 0.3, 0.4))
    stains = octaves(rng, (4, 8, 16, 64, 256), (0.6, 0.5, 0.4, 0.25, 0.2))
    brick = octaves(rng, (256, 32, 8), (0.3, 0.2, 0.3)) + 0.6 * stones(rng, 32, 8) + 1.8 * joints(32, 8, True, 1)
    paving = octaves(rng, (256, 64, 8), (0.4, 0.2, 0.3)) + 0.5 * stones(rng, 8, 8) - 2.2 * joints(8, 8, True, 3)
    planks = octaves(rng, (64, 16), (0.3, 0.3)) + 0.5 * stones(rng, 1, 16) - 1.5 * joints(1, 16, False, 2)
    leaves = octaves(rng, (96, 48, 24, 8), (0.6, 0.8, 0.6, 0.5))
    cloud = np.maximum(octaves(rng, (3, 6, 12, 24, 48), (1.0, 0.7, 0.45, 0.3, 0.2)), -0.4)
    tiles = np.stack([0.3 * stains, grain, stains, brick, paving, planks, leaves, cloud])
    return np.clip(tiles - tiles.mean(axis=(1, 2), keepdims=True), -3.0, 3.0)
