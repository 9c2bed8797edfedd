"""People who stand or walk."""

import numpy as np

from hardpix.scenes.buildings import screen
from hardpix.scenes.furniture import cast, disc
from hardpix.scenes.parts import Part
from hardpix.scenes.surfaces import Builder


def add_person(build: Builder, lateral: float, along: float, ground: float, rng: np.random.Generator) -> None:
    """A person, seen from any side, whose feet are ``ground`` meters above the road."""
    tall = rng.uniform(1.5, 1.9) if rng.random() < 0.88 else rng.uniform(1.05, 1.4)
    coat, trousers = build.group(Part.CLOTHES), build.group(Part.CLOTHES)
    skin, hair = build.group(Part.SKIN), build.group(Part.HAIR)
    stride, swing = rng.uniform(0.02, 0.22), rng.uniform(-0.14, 0.14)
    turn = rng.uniform(-1.0, 1.0)
    broad = rng.uniform(0.095, 0.125)
    origin = np.array((lateral, ground, along))

    def body(*points: tuple[float, float]) -> np.ndarray:
        """Points (across, up) in shares of the person's height to street coordinates."""
        return origin + np.array([(x * tall, y * tall, 0.0) for x, y in points])

    for side in (-1, 1):
        hip, knee, foot = (
            (0.02 * side, 0.5),
            (0.55 * side * stride * turn + 0.02 * side, 0.26),
            (side * stride * turn, 0.01),
        )
        build.stroke(trousers, body(hip, knee), 0.05 * tall, along, 0.85)
        build.stroke(trousers, body(knee, foot), 0.038 * tall, along, 0.8)
    half = [(0.8 * broad, 0.47), (0.85 * broad, 0.62), (broad, 0.8), (0.4 * broad, 0.845)]
    build.fill(coat, body(*half, *[(-x, y) for x, y in reversed(half)]), along - 0.01, 0.95)
    for side in (-1, 1):
        shoulder, elbow = (side * broad, 0.795), (side * (broad + 0.012) + 0.5 * side * swing, 0.63)
        hand = (side * (broad + 0.006) + side * swing + 0.035 * turn, 0.49)
        build.stroke(coat, body(shoulder, elbow), 0.032 * tall, along - 0.02, 0.78)
        build.stroke(coat, body(elbow, hand), 0.026 * tall, along - 0.02, 0.78)
    build.stroke(skin, body((0.0, 0.83), (0.012 * turn, 0.91)), 0.03 * tall, along - 0.015, 0.8)
    head = body((0.012 * turn, 0.93))[0]
    build.fill(hair, disc(head[0], head[1] + 0.008 * tall, along, 0.066 * tall, 12), along - 0.02)
    if rng.random() < 0.65:
        build.fill(
            skin, disc(head[0] + 0.015 * turn * tall, head[1] - 0.016 * tall, along, 0.05 * tall, 10), along - 0.03
        )
    if rng.random() < 0.35:
        near, far = (broad, broad + 0.1) if rng.random() < 0.5 else (-broad - 0.1, -broad)
        bag = screen(lateral + near * tall, lateral + far * tall, along, ground + 0.38 * tall, ground + 0.56 * tall)
        build.fill(build.group(Part.CLOTHES), bag, along - 0.03, 0.9)
    build.shadow(cast(build, lateral, along, tall, 0.14))
