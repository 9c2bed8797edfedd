"""Layout of one street scene, its camera and its weather, without any material or noise."""

from dataclasses import dataclass

import numpy as np

from hardpix.scenes.buildings import add_far_end, add_row
from hardpix.scenes.camera import Array, Camera
from hardpix.scenes.cars import add_car
from hardpix.scenes.furniture import (
    add_fence,
    add_lamp_post,
    add_overhead_line,
    add_railing,
    add_sign,
    add_traffic_light,
    add_utility_line,
)
from hardpix.scenes.ground import Street, add_ground, add_markings, add_side_street, sample_street
from hardpix.scenes.parts import Part
from hardpix.scenes.people import add_person
from hardpix.scenes.surfaces import Builder, Surfaces
from hardpix.scenes.trees import add_far_woods, add_hedge, add_tree


@dataclass(frozen=True)
class Light:
    """Weather and camera settings that a scene keeps however often it is drawn."""

    gain: Array  # (3,): exposure times white balance
    air: Array  # (3,): color of haze, before gain
    haze: float  # 1 / meters: expected extinction
    shadow: float  # share of light that a shadow takes away
    noise: float  # expected standard deviation of sensor noise, display values
    blur: float  # standard deviation of the lens's blur, pixels


@dataclass(frozen=True)
class Layout:
    """A scene's geometry and light; ``render`` turns it into a picture."""

    size: tuple[int, int]
    horizon: float
    surfaces: Surfaces
    shadows: list[Array]
    light: Light


def sample_camera(size: tuple[int, int], street: Street, rng: np.random.Generator) -> Camera:
    """A camera on a car in the right-hand half of the road, or now and then on the sidewalk."""
    height, width = size
    on_foot = rng.random() < 0.15
    lane = rng.uniform(0.3, 0.7) * street.half_road
    return Camera(
        size=size,
        focal=width * rng.uniform(0.78, 1.05),
        horizon=height * rng.uniform(0.40, 0.52),
        lateral=street.half_road + rng.uniform(0.3, 1.5) if on_foot else lane,
        height=rng.uniform(1.3, 1.9) if rng.random() < 0.85 else rng.uniform(2.0, 2.8),
        roll=float(np.clip(rng.normal(0.0, 0.012), -0.04, 0.04)),
        heading=float(np.clip(rng.normal(0.0, 0.05), -0.14, 0.14)),
        bend=float(np.clip(rng.normal(0.0, 0.0016), -0.005, 0.005)),
        climb=float(np.clip(rng.normal(0.0, 0.0003), -0.0007, 0.0009)),
    )


def sample_light(rng: np.random.Generator) -> tuple[Light, float]:
    """The light, and the sun's side: meters of shadow to the left for each meter of height, 0 when overcast."""
    sunny = rng.random() < 0.6
    sun = float(rng.uniform(0.25, 1.1) * rng.choice([-1, 1])) if sunny else 0.0
    warmth, tint = rng.normal(0.0, 0.045), rng.normal(0.0, 0.015)
    exposure = rng.uniform(0.78, 1.12)
    light = Light(
        gain=exposure * np.array([1.0 + warmth, 1.0 + tint, 1.0 - warmth]),
        air=np.array([206.0, 211.0, 218.0]) * rng.uniform(0.9, 1.06) + rng.normal(0.0, 3.0, 3),
        haze=float(np.exp(rng.uniform(np.log(0.0012), np.log(0.011)))),
        shadow=rng.uniform(0.32, 0.52) if sunny else rng.uniform(0.06, 0.16),
        noise=rng.uniform(2.5, 7.0),
        blur=rng.uniform(0.35, 0.75),
    )
    return light, sun


def sample_layout(rng: np.random.Generator, size: tuple[int, int] = (256, 512)) -> Layout:
    """Draws a scene: all geometry, and the light it stands in."""
    street = sample_street(rng)
    camera = sample_camera(size, street, rng)
    light, sun = sample_light(rng)
    build = Builder(camera, sun)
    add_ground(build, street, rng)
    add_markings(build, street, rng)
    add_far_woods(build, rng)
    add_far_end(build, rng)
    for side in (-1, 1):
        gaps: list[tuple[float, float]] = []
        if rng.random() < 0.45:
            start, width = rng.uniform(12.0, 50.0), rng.uniform(6.0, 9.0)
            add_side_street(build, street, side, start, width)
            gaps.append((start - 1.0, start + width + 1.0))
        if rng.random() < 0.18:
            start = rng.uniform(0.0, 40.0)
            gaps.append((start, start + rng.uniform(20.0, 70.0)))
        add_row(build, street, side, sun, gaps, rng)
        furnish(build, street, side, rng)
    add_traffic(build, street, rng)
    return Layout(size, camera.horizon, build.finish(), build.shadows(), light)


def furnish(build: Builder, street: Street, side: int, rng: np.random.Generator) -> None:
    """Trees, hedges, poles, wires, signs and railings of one side."""
    kerb_line = side * (street.half_road + rng.uniform(0.4, 0.8))
    plots = street.edge(side)
    if rng.random() < 0.6:
        at = kerb_line if rng.random() < 0.4 else plots + side * rng.uniform(0.3, 2.0)
        for along in np.arange(rng.uniform(7.0, 22.0), 110.0, rng.uniform(9.0, 24.0)):
            add_tree(build, at + rng.uniform(-0.3, 0.3), float(along) + rng.uniform(-2.0, 2.0), rng)
    for _ in range(rng.integers(0, 4)):
        add_tree(build, plots + side * rng.uniform(1.0, 9.0), rng.uniform(8.0, 100.0), rng)
    if rng.random() < 0.35:
        near = rng.uniform(6.0, 25.0)
        add_hedge(build, plots + side * rng.uniform(0.2, 0.8), near, near + rng.uniform(5.0, 15.0), rng)
    if rng.random() < 0.75:
        group = build.group(Part.POST)
        height = rng.uniform(5.0, 8.5)
        for along in np.arange(rng.uniform(6.0, 22.0), 120.0, rng.uniform(16.0, 30.0)):
            add_lamp_post(build, group, side, kerb_line, along, height, rng)
    if rng.random() < 0.6:
        add_utility_line(build, side, plots - side * rng.uniform(0.2, 0.6), rng)
    for _ in range(rng.integers(1, 4)):
        add_sign(build, kerb_line + rng.uniform(-0.2, 0.3), rng.uniform(7.0, 45.0), rng)
    if rng.random() < 0.35:
        add_traffic_light(build, side, kerb_line, rng.uniform(10.0, 35.0), rng)
    if rng.random() < 0.5:
        near = rng.uniform(4.0, 18.0)
        add_railing(build, side * (street.half_road + 0.25), near, near + rng.uniform(8.0, 30.0), rng)
    if rng.random() < 0.4:
        near = rng.uniform(4.0, 20.0)
        add_railing(build, plots + side * 0.1, near, near + rng.uniform(6.0, 24.0), rng)
    if rng.random() < 0.35:
        start = plots + side * rng.uniform(0.0, 1.0)
        add_fence(build, start, start + side * rng.uniform(3.0, 9.0), rng.uniform(9.0, 30.0), rng)


def add_traffic(build: Builder, street: Street, rng: np.random.Generator) -> None:
    """Cars in the lanes and at the kerb, people on the sidewalks and now and then on the road."""
    if rng.random() < 0.2:
        add_overhead_line(build, street, rng)
    for side in (-1, 1):
        parking = rng.uniform(0.0, 1.0)
        at = rng.uniform(6.0, 25.0)
        for _ in range(rng.integers(1, 6)):
            parked = rng.random() < parking
            share = 1.0 if parked else rng.uniform(0.4, 0.6)
            add_car(build, side * share * (street.half_road - 1.0), at, side < 0, rng)
            at += rng.uniform(5.8, 11.0) if parked else rng.uniform(7.0, 26.0)
        for _ in range(rng.integers(2, 6)):
            inner = street.half_road + 0.3
            lateral = side * rng.uniform(inner, abs(street.edge(side)) - 0.2)
            add_person(build, lateral, rng.uniform(5.0, 34.0), street.kerb, rng)
    if rng.random() < 0.4:
        start = rng.uniform(8.0, 30.0)
        for _ in range(rng.integers(1, 4)):
            lateral = rng.uniform(-street.half_road, street.half_road)
            add_person(build, lateral, start + rng.uniform(-0.8, 0.8), 0.0, rng)
