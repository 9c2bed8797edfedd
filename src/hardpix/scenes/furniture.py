"""Thin things: lamp posts, utility poles and their wires, traffic lights, signs, railings."""

from itertools import pairwise

import numpy as np

from hardpix.scenes.buildings import screen
from hardpix.scenes.camera import Array
from hardpix.scenes.ground import Street
from hardpix.scenes.parts import Part
from hardpix.scenes.surfaces import Builder


def disc(lateral: float, height: float, along: float, radius: float, corners: int = 14) -> Array:
    """A disc that faces the camera (corners, 3); three corners make a warning sign."""
    angle = np.linspace(0.0, 2.0 * np.pi, corners, endpoint=False) + np.pi / 2
    outline = [lateral + radius * np.cos(angle), height + radius * np.sin(angle), np.full(corners, along)]
    return np.stack(outline, axis=-1)


def chain(points: Array) -> Array:
    """The segments (n − 1, k, 2, 3) of k polylines of n points each, ``points`` (n, k, 3) or (n, 3)."""
    points = points.reshape(len(points), -1, 3)
    return np.stack([points[:-1], points[1:]], axis=2)


def add_lamp_post(
    build: Builder, group: int, side: int, lateral: float, along: float, height: float, rng: np.random.Generator
) -> None:
    """A lamp post with an arm over the road."""
    radius = rng.uniform(0.05, 0.09)
    reach = rng.uniform(0.8, 2.2)
    foot, top = np.array((lateral, 0.0, along)), np.array((lateral, height, along))
    build.stroke(group, np.array([foot, (lateral, 1.0, along)]), 1.5 * radius, along, 0.85)
    build.stroke(group, np.stack([foot, top]), radius, along, 0.9)
    bend = np.array([(0.0, 0.0, 0.0), (0.25, 0.45, 0.0), (1.0, 0.6, 0.0)]) * (-side * reach, 1.0, 1.0)
    build.stroke(group, chain(top + bend), 0.6 * radius, along, 0.9)
    head = top + bend[-1]
    build.stroke(group, np.array([head, (head[0] - side * 0.6, head[1] - 0.05, along)]), 0.09, along, 0.7)
    build.shadow(cast(build, lateral, along, height, 0.08))


def cast(build: Builder, lateral: float, along: float, height: float, half: float) -> Array:
    """The outline (4, 3) of the shadow on the ground of something upright and ``half`` as wide."""
    away, ahead = build.sun * height, 0.2 * height
    corners = [(lateral + half, 0.0, along), (lateral - half, 0.0, along)]
    corners += [(lateral - half - away, 0.0, along + ahead), (lateral + half - away, 0.0, along + ahead)]
    return np.array(corners)


def add_utility_line(build: Builder, side: int, lateral: float, rng: np.random.Generator) -> None:
    """Poles along one side with crossarms and sagging wires, now and then a wire over the street."""
    post, cable = build.group(Part.POST), build.group(Part.CABLE)
    height = rng.uniform(6.5, 9.0)
    spacing = rng.uniform(18.0, 32.0)
    radius = rng.uniform(0.07, 0.13)
    thickness = rng.uniform(0.012, 0.026)
    offsets = rng.choice([-0.9, -0.45, 0.0, 0.45, 0.9], size=rng.integers(2, 6), replace=False)
    drop = rng.uniform(0.0, 1.2, len(offsets)) * (rng.random() < 0.5)
    alongs = np.arange(rng.uniform(-14.0, 12.0), 125.0, spacing)
    for along in alongs[alongs > 3.0]:
        foot = (lateral, 0.0, along)
        build.stroke(post, np.array([foot, (lateral, height + 0.3, along)]), radius, along, 0.85)
        arm = np.array([(lateral - 1.1, height, along), (lateral + 1.1, height, along)])
        build.stroke(post, arm, 0.05, along - 0.01, 0.8)
    t = np.linspace(0.0, 1.0, 8)
    sag = rng.uniform(0.3, 1.0)
    for start, end in pairwise(alongs):
        along = start + t * (end - start)
        # The wires of a span hang side by side: (points, wires, 3).
        span = np.empty((len(t), len(offsets), 3))
        span[..., 0] = lateral + offsets
        span[..., 1] = (height - 4.0 * sag * t * (1.0 - t))[:, None] - drop
        span[..., 2] = along[:, None]
        span = span[along > 2.5]
        if len(span) > 1:
            build.stroke(cable, chain(span), thickness, span[:-1, 0, 2], 0.9)
    if rng.random() < 0.6:
        for along in alongs[(alongs > 5.0) & (alongs < 60.0)]:
            far_side = np.array(
                (-side * rng.uniform(7.0, 12.0), height - rng.uniform(0.0, 2.5), along + rng.uniform(-6.0, 9.0))
            )
            line = np.array((lateral, height, along)) + t[:, None] * (far_side - (lateral, height, along))
            line[:, 1] -= 1.6 * t * (1.0 - t)
            line = line[line[:, 2] > 2.5]
            if len(line) > 1:
                build.stroke(cable, chain(line), thickness, line[:-1, 2], 0.9)


def add_overhead_line(build: Builder, street: Street, rng: np.random.Generator) -> None:
    """Contact wires of a tram above the road with the spans that carry them."""
    cable = build.group(Part.CABLE)
    height, thickness = rng.uniform(5.2, 6.2), rng.uniform(0.01, 0.018)
    alongs = np.arange(rng.uniform(3.0, 20.0), 100.0, rng.uniform(18.0, 28.0))
    t = np.linspace(-1.0, 1.0, 9)
    for along in alongs:
        line = np.stack([t * (street.half_road + 2.0), height + 0.9 * t * t, np.full_like(t, along)], axis=1)
        build.stroke(cable, chain(line), thickness, along)
    knots = np.geomspace(2.5, 100.0, 16)
    tracks = np.empty((len(knots), 2, 3))
    tracks[..., 0] = rng.uniform((-2.0, 0.5), (-0.5, 2.0))
    tracks[..., 1] = height
    tracks[..., 2] = knots[:, None]
    build.stroke(cable, chain(tracks), thickness, knots[:-1])


def add_sign(build: Builder, lateral: float, along: float, rng: np.random.Generator) -> None:
    """A thin pole with one or two plates, some seen from behind."""
    post = build.group(Part.POST)
    height = rng.uniform(2.1, 3.2)
    build.stroke(
        post, np.array([(lateral, 0.0, along), (lateral, height, along)]), rng.uniform(0.025, 0.045), along, 0.9
    )
    at = height
    for _ in range(1 if rng.random() < 0.65 else 2):
        size = rng.uniform(0.26, 0.46)
        at -= size
        back = rng.random() < 0.2
        plate = build.group(Part.PLATE_BACK if back else Part.PLATE)
        order = along - 0.05
        shape = rng.integers(0, 4)
        if shape == 0:
            build.fill(plate, disc(lateral, at, along, size), order)
        elif shape == 1:
            build.fill(plate, disc(lateral, at, along, 1.15 * size, 3), order)
        else:
            wide = size * (1.0 if shape == 2 else rng.uniform(1.2, 2.2))
            build.fill(plate, screen(lateral - wide, lateral + wide, along, at - 0.8 * size, at + 0.8 * size), order)
        if not back and along < 30.0:
            face = build.group(Part.PLATE)
            inner = disc(lateral, at, along, 0.62 * size, 4 if shape == 2 else 3 if shape == 1 else 12)
            build.fill(face, inner, order - 0.01)
        at -= size + 0.05


def add_traffic_light(build: Builder, side: int, lateral: float, along: float, rng: np.random.Generator) -> None:
    """A traffic light on a pole, on some a second one on an arm over the road."""
    post, box = build.group(Part.POST), build.group(Part.SIGNAL)
    radius = rng.uniform(0.05, 0.08)
    lamp = build.group(Part.SIGNAL_LIGHT)
    spots = [(lateral, rng.uniform(2.3, 3.0))]
    top = spots[0][1] + 0.5
    if rng.random() < 0.5:
        top = rng.uniform(5.2, 6.0)
        reach = lateral - side * rng.uniform(2.5, 4.5)
        build.stroke(post, np.array([(lateral, top - 0.1, along), (reach, top, along)]), 0.7 * radius, along, 0.9)
        spots.append((reach, top - 0.5))
    build.stroke(post, np.array([(lateral, 0.0, along), (lateral, top, along)]), radius, along, 0.9)
    for across, height in spots:
        build.fill(box, screen(across - 0.19, across + 0.19, along, height - 0.52, height + 0.52), along - 0.05)
        build.fill(lamp, disc(across, height + rng.choice([-0.32, 0.0, 0.32]), along, 0.11, 8), along - 0.06)


def add_railing(build: Builder, lateral: float, near: float, far: float, rng: np.random.Generator) -> None:
    """A railing along the street: posts, rails, and bars with gaps to look through."""
    group = build.group(Part.BARS)
    height, spacing = rng.uniform(0.85, 1.25), rng.choice([0.12, 0.16, 0.22, 0.4])
    panel = rng.uniform(1.8, 2.6)
    bar, rail = rng.uniform(0.008, 0.014), rng.uniform(0.018, 0.032)
    rails = int(rng.integers(2, 4))
    for start in np.arange(near, far, panel):
        ends = np.array((lateral, 0.0, start)), np.array((lateral, 0.0, start + panel))
        _add_panel(build, group, ends, height, spacing, (bar, rail), rails)


def add_fence(build: Builder, left: float, right: float, along: float, rng: np.random.Generator) -> None:
    """A railing that faces the camera."""
    group = build.group(Part.BARS)
    height, spacing = rng.uniform(0.85, 1.5), rng.choice([0.12, 0.2, 0.3])
    bar, rail = rng.uniform(0.01, 0.02), rng.uniform(0.02, 0.035)
    panels = np.linspace(left, right, max(2, int(abs(right - left) / 2.2) + 1))
    for start, end in pairwise(panels):
        ends = np.array((start, 0.0, along)), np.array((end, 0.0, along))
        _add_panel(build, group, ends, height, spacing, (bar, rail), 3)


def _add_panel(
    build: Builder,
    group: int,
    ends: tuple[Array, Array],
    height: float,
    spacing: float,
    radii: tuple[float, float],
    rails: int,
) -> None:
    """One panel between two posts, with ``radii`` of bars and rails."""
    start, end = ends
    order = 0.5 * (start[2] + end[2])
    up = np.array((0.0, height, 0.0))
    length = np.abs(end - start).max()
    feet = start + (np.arange(spacing, length, spacing) / length)[:, None] * (end - start)
    if len(feet):
        build.stroke(group, np.stack([feet, feet + up], axis=1), radii[0], order)
    levels = np.linspace(0.12, 1.0, rails)[:, None] * up
    build.stroke(group, np.stack([start + levels, end + levels], axis=1), radii[1], order - 0.01, 0.95)
    build.stroke(group, np.stack([start, start + 1.04 * up]), 0.03, order - 0.02, 0.9)
