"""Road, markings, sidewalks with kerbs, verges."""

from dataclasses import dataclass

import numpy as np

from hardpix.scenes.camera import Array
from hardpix.scenes.parts import Part
from hardpix.scenes.surfaces import Builder

# Painter's order of the ground and what lies on it: after the far end of the view, before all that stands on it.
BEHIND, GROUND, REPAIR, CROSSING, MARKS = 2e5, 9e4, 6e4, 5e4, 3e4

FAR = 190.0
STRIPS = 20


@dataclass(frozen=True)
class Street:
    """The cross-section of the street, meters from the road's axis."""

    half_road: float
    left_walk: float
    right_walk: float
    kerb: float
    lanes: int

    def edge(self, side: int) -> float:
        """Line at which the sidewalk of a side (−1 left, 1 right) ends and the plots begin."""
        return side * (self.half_road + (self.left_walk if side < 0 else self.right_walk))


def sample_street(rng: np.random.Generator) -> Street:
    """Draws the street's cross-section."""
    lanes = int(rng.choice([2, 2, 3, 4]))
    return Street(
        half_road=0.5 * lanes * rng.uniform(2.9, 3.6) + rng.uniform(0.0, 1.0),
        left_walk=rng.uniform(1.6, 4.5),
        right_walk=rng.uniform(1.6, 4.5),
        kerb=rng.uniform(0.08, 0.16),
        lanes=lanes,
    )


def flat(left: float, right: float, near: Array | float, far: Array | float, height: float = 0.0) -> Array:
    """Level rectangles (n, 1, 4, 3)."""
    near, far = np.atleast_1d(near), np.atleast_1d(far)
    corners = np.empty((len(near), 1, 4, 3))
    corners[..., 1] = height
    corners[:, 0, :, 0] = (left, left, right, right)
    corners[:, 0, :, 2] = np.stack([near, far, far, near], axis=1)
    return corners


def add_ground(build: Builder, street: Street, rng: np.random.Generator) -> None:
    """Lays road, sidewalks, kerbs and what lies beyond them, in strips that follow bend and climb."""
    knots = np.geomspace(2.5, FAR, STRIPS + 1)
    near, far = knots[:-1], knots[1:]
    order = GROUND + far
    road = build.group(Part.ASPHALT)
    build.fill(road, flat(-street.half_road, street.half_road, near, far), order)
    kerb = build.group(Part.KERB)
    for side in (-1, 1):
        edge = side * street.half_road
        paved = rng.random() < 0.35
        beyond = build.group(Part.PAVEMENT if paved else Part.GRASS)
        build.fill(beyond, flat(street.edge(side), side * 90.0, near, far, street.kerb), order + 300.0)
        build.fill(build.group(Part.PAVEMENT), flat(edge, street.edge(side), near, far, street.kerb), order)
        face = flat(edge, edge, near, far)
        face[:, 0, 2:, 1] = street.kerb
        build.fill(kerb, face, order - 0.01, 0.72)
        build.fill(kerb, flat(edge, edge + side * 0.16, near, far, street.kerb), order - 0.02)
    for _ in range(rng.integers(0, 4)):
        left = rng.uniform(-street.half_road, street.half_road - 1.0)
        start = rng.uniform(5.0, 30.0)
        patch = flat(left, min(left + rng.uniform(0.6, 3.0), street.half_road), start, start + rng.uniform(1.0, 14.0))
        build.fill(build.group(Part.ASPHALT), patch, REPAIR)


def add_side_street(build: Builder, street: Street, side: int, start: float, width: float) -> None:
    """A street that leaves on one side, level with the road."""
    group = build.group(Part.ASPHALT)
    build.fill(group, flat(side * street.half_road, side * 60.0, start, start + width), CROSSING)


def add_markings(build: Builder, street: Street, rng: np.random.Generator) -> None:
    """Lane lines, edge lines, a zebra crossing or a stop line, arrows."""
    paint = build.group(Part.PAINT)
    width = rng.uniform(0.12, 0.2)
    dash, gap = rng.choice([(3.0, 6.0), (3.0, 3.0), (6.0, 6.0), (2.0, 4.0)])
    starts = np.arange(rng.uniform(3.0, 6.0), 110.0, dash + gap)
    lane = 2.0 * street.half_road / street.lanes
    for line in range(1, street.lanes):
        center = -street.half_road + line * lane
        build.fill(paint, flat(center - width / 2, center + width / 2, starts, starts + dash), MARKS + starts)
    knots = np.geomspace(2.5, 130.0, 16)
    for side in (-1, 1):
        if rng.random() < 0.55:
            inner = side * (street.half_road - rng.uniform(0.15, 0.4))
            build.fill(paint, flat(inner, inner - side * width, knots[:-1], knots[1:]), MARKS + knots[:-1])
    if rng.random() < 0.45:
        start = rng.uniform(8.0, 32.0)
        across = np.arange(-street.half_road + 0.4, street.half_road - 0.6, rng.uniform(0.9, 1.2))
        bars = np.concatenate([flat(left, left + 0.5, start, start + 3.0) for left in across])
        build.fill(build.group(Part.PAINT), bars, MARKS)
        build.fill(paint, flat(0.2, street.half_road - 0.2, start - 1.4, start - 1.0), MARKS)
    if rng.random() < 0.4:
        start, center = rng.uniform(8.0, 25.0), street.half_road - lane / 2
        outline = [(-0.1, 0.0), (-0.1, 1.6), (-0.35, 1.6), (0.0, 2.8), (0.35, 1.6), (0.1, 1.6), (0.1, 0.0)]
        build.fill(paint, np.array([(center + x, 0.0, start + z) for x, z in outline]), MARKS)
