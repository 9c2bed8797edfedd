"""Cars: a side in profile and the end that faces the camera."""

from dataclasses import dataclass

import numpy as np

from hardpix.scenes.buildings import screen
from hardpix.scenes.camera import Array
from hardpix.scenes.furniture import cast
from hardpix.scenes.parts import Part
from hardpix.scenes.surfaces import Builder

Profile = list[tuple[float, float]]


@dataclass(frozen=True)
class Style:
    """A kind of car. Points are (share of the length from the rear, share of the height)."""

    length: tuple[float, float]  # meters, least and most
    height: tuple[float, float]
    outline: Profile  # of the side
    glass: Profile  # side windows: lower rear, upper rear, upper front, lower front
    rear: Profile  # from the rear end: its top, the foot of the window, the roof
    front: Profile  # from the front end: its top, the foot of the window, the roof


HATCHBACK = Style(
    (3.6, 4.4),
    (1.42, 1.62),
    [(0, 0.18), (0, 0.62), (0.03, 0.97), (0.12, 1), (0.52, 1), (0.72, 0.66), (0.97, 0.58), (1, 0.4), (1, 0.18)],
    [(0.08, 0.66), (0.12, 0.93), (0.51, 0.93), (0.66, 0.66)],
    [(0, 0.64), (0, 0.64), (0.12, 1)],
    [(0, 0.58), (0.28, 0.66), (0.48, 1)],
)
SALOON = Style(
    (4.3, 4.9),
    (1.38, 1.5),
    [(0, 0.2), (0, 0.62), (0.03, 0.67), (0.17, 0.69), (0.3, 1), (0.56, 1), (0.74, 0.66), (0.97, 0.57), (1, 0.2)],
    [(0.22, 0.68), (0.32, 0.93), (0.55, 0.93), (0.69, 0.68)],
    [(0, 0.64), (0.17, 0.69), (0.3, 1)],
    [(0, 0.57), (0.26, 0.66), (0.44, 1)],
)
VAN = Style(
    (4.6, 5.4),
    (1.9, 2.4),
    [(0, 0.14), (0, 0.98), (0.02, 1), (0.78, 1), (0.9, 0.62), (0.98, 0.52), (1, 0.4), (1, 0.14)],
    [(0.6, 0.62), (0.6, 0.92), (0.76, 0.92), (0.86, 0.62)],
    [(0, 0.6), (0, 0.6), (0.02, 1)],
    [(0, 0.52), (0.1, 0.62), (0.22, 1)],
)


def add_car(build: Builder, lateral: float, along: float, oncoming: bool, rng: np.random.Generator) -> None:
    """A car parallel to the street, centered at ``lateral``, whose nearer end is at ``along``."""
    chance = rng.random()
    style = HATCHBACK if chance < 0.45 else SALOON if chance < 0.8 else VAN
    length, top, half = rng.uniform(*style.length), rng.uniform(*style.height), rng.uniform(0.82, 0.95)
    body, glass = build.group(Part.BODY), build.group(Part.GLASS)
    left, right = lateral - half, lateral + half
    line_of_sight = build.camera.lateral - build.camera.heading * along
    visible = left if left > line_of_sight else right
    outward = np.sign(visible - lateral)

    def side(points: Profile) -> Array:
        """Points of the profile on the visible side, in street coordinates."""
        turned = [(1.0 - x if oncoming else x, y) for x, y in points]
        return np.array([(visible, y * top, along + x * length) for x, y in turned])

    _add_shadows(build, left, right, along, length, top)
    shade = rng.uniform(0.72, 0.92)
    order = along + 0.6
    build.fill(body, side(style.outline), order, shade)
    build.fill(glass, side(style.glass), order - 0.01, shade)
    pillar = 0.5 * (style.glass[1][0] + style.glass[2][0])
    post = [(pillar - 0.012, 0.64), (pillar - 0.012, 0.95), (pillar + 0.012, 0.95), (pillar + 0.012, 0.64)]
    build.fill(body, side(post), order - 0.02, shade)
    tyre = build.group(Part.TYRE)
    angle = np.linspace(0.0, 2.0 * np.pi, 12, endpoint=False)
    for axle in (0.19, 0.8):
        round_ = np.stack(
            [np.full(12, visible), 0.32 + 0.32 * np.sin(angle), along + axle * length + 0.32 * np.cos(angle)]
        )
        build.fill(tyre, round_.T, order - 0.03, 0.9)

    end_top, sill, roof = ((along + x * length, y * top) for x, y in (style.front if oncoming else style.rear))
    order = along + 0.1
    shoulder = half - 0.16

    def across(near: tuple[float, float], far: tuple[float, float], near_half: float, far_half: float) -> Array:
        """A surface that spans the car between two (position, height)."""
        corners = [(-near_half, *near), (-far_half, *far), (far_half, *far), (near_half, *near)]
        return np.array([(lateral + x, y, z) for x, z, y in corners])

    # The pillar closes the wedge between the narrowing cabin and the side.
    wedge = [(visible, sill[1], sill[0]), (visible, roof[1], roof[0])]
    wedge += [(lateral + outward * shoulder, roof[1], roof[0]), (lateral + outward * half, sill[1], sill[0])]
    build.fill(body, np.array(wedge), order, 0.88)
    cabin = across(sill, roof, half - 0.04, shoulder)
    build.fill(body, cabin, order, 0.95)
    window = np.array([(0.1, 0.04, 0.0), (0.07, -0.08, 0.0), (-0.07, -0.08, 0.0), (-0.1, 0.04, 0.0)])
    build.fill(glass, cabin + window, order - 0.01, 0.95)
    if sill[0] > end_top[0]:
        build.fill(body, across(end_top, sill, half, half), order - 0.02, 1.05)
    low = 0.2 * top
    build.fill(body, screen(left, right, along, low, end_top[1]), order - 0.03, 0.82)
    build.fill(tyre, screen(left + 0.02, right - 0.02, along, low - 0.05, low + 0.2), order - 0.04, 1.2)
    wheels = [screen(edge - 0.1, edge + 0.1, along, 0.0, low) for edge in (left + 0.13, right - 0.13)]
    build.fill(tyre, np.stack(wheels), order - 0.025, 0.9)
    lamps = [screen(edge - 0.15, edge + 0.15, along, 0.44 * top, 0.53 * top) for edge in (left + 0.19, right - 0.19)]
    build.fill(build.group(Part.HEADLAMP if oncoming else Part.TAILLAMP), np.stack(lamps), order - 0.05)
    # The number plate is as white as a headlamp.
    number = screen(lateral - 0.26, lateral + 0.26, along, 0.32 * top, 0.38 * top)
    build.fill(build.group(Part.HEADLAMP), number, order - 0.05, 0.9)


def _add_shadows(build: Builder, left: float, right: float, along: float, length: float, top: float) -> None:
    """The dark under the car, and what it casts to the side away from the sun."""
    near, far = along - 0.15, along + length
    build.shadow(np.array([(left - 0.1, 0, near), (left - 0.1, 0, far), (right + 0.1, 0, far), (right + 0.1, 0, near)]))
    for position in (along, far):
        build.shadow(cast(build, 0.5 * (left + right), position, 0.8 * top, 0.5 * (right - left)))
    away = build.sun * 0.8 * top
    ahead = 0.16 * top
    edge = left if away > 0 else right
    fall = [(edge, 0, along), (edge, 0, far), (edge - away, 0, far + ahead), (edge - away, 0, along + ahead)]
    build.shadow(np.array(fall))
