"""Rows of buildings along the street, and what closes the view far ahead."""

import numpy as np

from hardpix.scenes.camera import Array
from hardpix.scenes.ground import BEHIND, Street
from hardpix.scenes.parts import Part
from hardpix.scenes.surfaces import Builder


def wall(lateral: float, near: float, far: float, bottom: float, top: float) -> Array:
    """A wall along the street (4, 3)."""
    return np.array([(lateral, bottom, near), (lateral, top, near), (lateral, top, far), (lateral, bottom, far)])


def screen(left: float, right: float, along: float, bottom: float, top: float) -> Array:
    """A wall that faces the camera (4, 3)."""
    return np.array([(left, bottom, along), (left, top, along), (right, top, along), (right, bottom, along)])


def panes(starts: Array, floors: Array, width: float, height: float) -> tuple[Array, Array]:
    """Corners (n, 4) of a grid of windows: position along the wall, and height."""
    s, h = (grid.reshape(-1, 1) for grid in np.meshgrid(starts, floors))
    return s + np.array([0.0, 0.0, width, width]), h + np.array([0.0, height, height, 0.0])


def add_windows(
    build: Builder,
    lateral: float,
    near: float,
    far: float,
    top: float,
    order: float,
    shade: float,
    rng: np.random.Generator,
) -> None:
    """Windows with frames, and a ground floor of doors or shop fronts, on a wall along the street."""
    storey = rng.uniform(2.8, 3.6)
    spacing = rng.uniform(1.9, 3.4)
    width, height = spacing * rng.uniform(0.35, 0.62), storey * rng.uniform(0.42, 0.62)
    starts = np.arange(near + 0.5 * (spacing - width), far - width, spacing)
    floors = np.arange(1.0 if rng.random() < 0.6 else 0.0, int(top / storey)) * storey + storey * 0.28
    starts = starts[starts > 2.5]
    if len(starts) and len(floors):
        s, h = panes(starts, floors, width, height)
        if rng.random() < 0.5:
            frame_s, frame_h = panes(starts - 0.1, floors - 0.1, width + 0.2, height + 0.2)
            frames = np.stack([np.full_like(frame_s, lateral), frame_h, frame_s], axis=-1)
            build.fill(build.group(Part.TRIM), frames[None], order - 0.01, shade)
        glass = np.stack([np.full_like(s, lateral), h, s], axis=-1)
        chosen = rng.random(len(s)) < 0.75
        for pick in (chosen, ~chosen):
            if pick.any():
                build.fill(build.group(Part.WINDOW), glass[None, pick], order - 0.02, shade)
    if floors.size and floors[0] > storey:
        at = near + 0.6
        while at < far - 1.2:
            opening = rng.uniform(1.0, 4.0)
            if at > 2.5 and rng.random() < 0.75:
                tall = rng.uniform(2.0, 2.5)
                low = 0.15 if opening < 1.6 else rng.uniform(0.15, 0.7)
                front = wall(lateral, at, min(at + opening, far - 0.3), low, tall)
                build.fill(build.group(Part.SHOP), front, order - 0.03, shade)
            at += opening + rng.uniform(0.4, 1.6)


def add_building(
    build: Builder, side: int, lateral: float, near: float, far: float, top: float, lit: float, rng: np.random.Generator
) -> None:
    """One building: the wall along the street, the end wall that faces the camera, and a roof."""
    facade = build.group(Part.FACADE)
    order = far
    back = lateral + side * 14.0
    front_shade, end_shade = lit, rng.uniform(0.72, 0.95)
    pitched = rng.random() < 0.45
    if pitched:
        roof = build.group(Part.ROOF)
        rise = rng.uniform(1.5, 4.0)
        ridge = (lateral + back) / 2
        slope = [(lateral, top, near), (lateral, top, far), (ridge, top + rise, far), (ridge, top + rise, near)]
        build.fill(roof, np.array(slope), order, min(1.0, front_shade + 0.1))
        gable = np.array([(lateral, top, near), (ridge, top + rise, near), (back, top, near)])
        build.fill(facade, gable, order, end_shade)
    build.fill(facade, screen(lateral, back, near, 0.0, top), order, end_shade)
    build.fill(facade, wall(lateral, near, far, 0.0, top), order, front_shade)
    if rng.random() < 0.6:
        build.fill(build.group(Part.TRIM), wall(lateral, near, far, top - 0.35, top), order - 0.01, front_shade)
    if near < 85.0:
        add_windows(build, lateral, near, far, top, order, front_shade, rng)
        if near > 12.0 and rng.random() < 0.6:
            s, h = panes(np.arange(1.5, 12.0, 3.0), np.arange(1.2, top - 1.6, 3.2), 1.2, 1.5)
            end_windows = np.stack([lateral + side * s, h, np.full_like(s, near)], axis=-1)
            build.fill(build.group(Part.WINDOW), end_windows[None], order - 0.01, end_shade)
    if rng.random() < 0.3 and near > 4.0:
        stack = lateral + side * rng.uniform(0.5, 4.0)
        chimney = screen(stack, stack + side * 0.9, rng.uniform(near, far), top - 0.2, top + rng.uniform(1.0, 2.4))
        build.fill(facade, chimney, order + 0.01, end_shade)


def add_row(
    build: Builder, street: Street, side: int, sun: float, gaps: list[tuple[float, float]], rng: np.random.Generator
) -> None:
    """Buildings of one side, near to far, leaving out the gaps. ``sun`` > 0: the sun stands to the right."""
    setback = rng.uniform(0.0, 5.0)
    mean_top = rng.uniform(5.0, 16.0)
    dense = rng.uniform(0.7, 0.98)
    # A wall on the right faces left: it is lit when the sun stands to the left.
    lit = float(np.clip(0.84 - 0.24 * side * sun, 0.5, 1.05))
    at = rng.uniform(1.0, 6.0)
    while at < 130.0:
        length = rng.uniform(7.0, 20.0)
        far = at + length
        blocked = any(start < far and at < end for start, end in gaps)
        if rng.random() < dense and not blocked:
            lateral = street.edge(side) + side * (setback + rng.uniform(0.0, 1.5))
            top = float(np.clip(mean_top * rng.uniform(0.6, 1.5), 3.2, 26.0))
            add_building(build, side, lateral, max(at, 2.2), far, top, lit * rng.uniform(0.94, 1.04), rng)
            if sun * side > 0.15:
                reach = min(top * sun * side * 1.1, street.half_road * 2 + 6.0)
                fall = [(lateral, 0.0, max(at, 2.5)), (lateral, 0.0, far)]
                fall += [
                    (lateral - side * reach, 0.0, far + 0.3 * top),
                    (lateral - side * reach, 0.0, max(at, 2.5) + 0.3 * top),
                ]
                build.shadow(np.array(fall))
        at = far + (rng.uniform(1.0, 6.0) if rng.random() < 0.25 else 0.0)


def add_far_end(build: Builder, rng: np.random.Generator) -> None:
    """Houses across the end of the view."""
    left = -110.0
    while left < 110.0:
        right = left + rng.uniform(8.0, 28.0)
        if rng.random() < 0.6:
            along = rng.uniform(150.0, 185.0)
            build.fill(
                build.group(Part.FACADE), screen(left, right, along, -8.0, rng.uniform(4.0, 17.0)), BEHIND + along, 0.9
            )
        left = right
