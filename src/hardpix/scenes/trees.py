"""Trees, bushes and hedges: ragged silhouettes with holes, dark within and light on the sunny side."""

from functools import lru_cache

import numpy as np

from hardpix.scenes.camera import Array
from hardpix.scenes.ground import BEHIND
from hardpix.scenes.parts import Part
from hardpix.scenes.surfaces import Builder


@lru_cache(maxsize=8)
def circle(corners: int) -> tuple[Array, Array, Array]:
    """Angles of a regular polygon, their cosines and sines."""
    angle = np.arange(corners, dtype=np.float64) * (2.0 * np.pi / corners)
    return angle, np.cos(angle), np.sin(angle)


def ragged(centers: Array, radii: Array, corners: int, roughness: float, rng: np.random.Generator) -> Array:
    """Ragged discs facing the camera: (n, 3) centers, (n,) radii to outlines (n, corners, 3)."""
    angle, cosine, sine = circle(corners)
    # Leaves stick out and gaps cut in: a wave of the branches, and single leaves.
    bumps = rng.integers(2, 5, (len(radii), 1))
    wave = np.sin(angle * bumps + rng.uniform(0.0, 6.3, (len(radii), 1)))
    reach = radii[:, None] * (1.0 + 0.1 * wave + roughness * rng.uniform(-1.0, 1.0, wave.shape))
    outline = np.empty((*reach.shape, 3))
    outline[...] = centers[:, None]
    outline[..., 0] += reach * cosine
    outline[..., 1] += 0.9 * reach * sine
    return outline


def add_foliage(
    build: Builder, center: Array, radius: float, squat: float, order: float, rng: np.random.Generator
) -> Array:
    """One crown or bush of about ``radius``, its height scaled by ``squat``; returns its outline (corners, 3)."""
    corners, clumps, clusters = (28, 9, 12) if order < 28.0 else (16, 5, 7) if order < 60.0 else (10, 3, 4)
    # Loose clusters around the rim, filled by the even-odd rule together with the body: they overlap it into gaps.
    rim, around = np.zeros((clusters, 3)), np.zeros((clumps, 3))
    angle, distance = rng.uniform((0.0, 0.7), (2.0 * np.pi, 1.12), (clusters, 2)).T
    rim[:, 0], rim[:, 1] = distance * np.cos(angle), distance * np.sin(angle)
    around[:, :2] = rng.normal(0.0, 0.42, (clumps, 2))
    sizes = rng.uniform(0.35, 0.62, clumps)
    toward_sun = (0.28 * build.sun, 0.34, 0.0)
    middles = np.concatenate([np.zeros((1, 3)), rim, around, 0.8 * around + toward_sun])
    reach = np.concatenate([[0.85], rng.uniform(0.08, 0.26, clusters), sizes, 0.6 * sizes])
    outlines = center + ragged(middles, reach, corners, 0.2, rng) * (radius, radius * squat, 0.0)
    # One crown is one plant: its tones share a material, and only the light differs.
    leaves = build.group(Part.FOLIAGE)
    body, dark = np.split(outlines, [1 + clusters, 1 + clusters + clumps])[:2]
    build.fill(leaves, body, order, 0.66)
    build.fill(leaves, dark, order - 0.01, 0.85)
    build.fill(leaves, outlines[1 + clusters + clumps :], order - 0.02, 1.05)
    return outlines[0]


def add_tree(build: Builder, lateral: float, along: float, rng: np.random.Generator) -> None:
    """A tree: a trunk with a few branches, a crown, and its shadow."""
    radius = rng.uniform(1.2, 2.9)
    bare = rng.uniform(1.6, 3.2)
    squat = rng.uniform(0.75, 1.35)
    lean = rng.uniform(-0.3, 0.3)
    top = bare + radius * squat * 0.9
    trunk = build.group(Part.TRUNK)
    foot, fork = np.array((lateral, 0.0, along)), np.array((lateral + lean, bare, along))
    build.stroke(trunk, np.stack([foot, fork]), rng.uniform(0.07, 0.2), along + 0.01, 0.85)
    branches = np.empty((4, 2, 3))
    branches[:] = fork
    branches[:, 1, :2] += rng.uniform((-1.0, 0.5), (1.0, 1.0), (4, 2)) * radius
    build.stroke(trunk, branches, 0.05, along + 0.005, 0.75)
    crown = add_foliage(build, np.array((lateral + lean, top, along)), radius, squat, along, rng)
    # The crown's outline laid on the ground: its height becomes distance.
    shadow = np.zeros_like(crown)
    shadow[:, 0] = crown[:, 0] - build.sun * top
    shadow[:, 2] = along + 0.2 * top + (crown[:, 1] - top)
    build.shadow(shadow)


def add_hedge(build: Builder, lateral: float, near: float, far: float, rng: np.random.Generator) -> None:
    """A row of bushes along the street."""
    height = rng.uniform(0.5, 1.3)
    for along in np.arange(near, far, 1.5 * height):
        center = np.array((lateral + rng.uniform(-0.15, 0.15), height * 0.55, along))
        add_foliage(build, center, height * rng.uniform(0.85, 1.1), 0.7, float(along), rng)


def add_far_woods(build: Builder, rng: np.random.Generator) -> None:
    """Tree tops along the end of the view."""
    group = build.group(Part.FOLIAGE)
    lateral = np.arange(-140.0, 140.0, 7.0) + rng.uniform(-3.0, 3.0, 40)
    keep = rng.random(40) < rng.uniform(0.3, 0.9)
    count = int(keep.sum())
    if count:
        centers = np.stack([lateral[keep], rng.uniform(0.0, 4.0, count), rng.uniform(140.0, 180.0, count)], axis=1)
        crowns = ragged(centers, rng.uniform(4.0, 9.0, count), 24, 0.12, rng)
        build.fill(group, crowns[:, None], BEHIND + centers[:, 2], 0.8)
