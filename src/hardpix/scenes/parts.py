"""The parts of the things in a scene, each with the class it belongs to."""

from enum import IntEnum

import numpy as np

from hardpix.scenes.classes import (
    BUILDING,
    CAR,
    MARKING,
    PERSON,
    POLE,
    RAILING,
    ROAD,
    SIDEWALK,
    SIGN,
    SKY,
    VEGETATION,
    WIRE,
)


class Part(IntEnum):
    """Parts of things; the material of each is drawn on its own."""

    SKY = 0
    FACADE = 1
    WINDOW = 2
    TRIM = 3
    SHOP = 4
    ROOF = 5
    FOLIAGE = 6
    GRASS = 7
    TRUNK = 8
    ASPHALT = 9
    PAVEMENT = 10
    KERB = 11
    PAINT = 12
    BODY = 13
    GLASS = 14
    TYRE = 15
    HEADLAMP = 16
    TAILLAMP = 17
    CLOTHES = 18
    SKIN = 19
    HAIR = 20
    POST = 21
    CABLE = 22
    BARS = 23
    PLATE = 24
    PLATE_BACK = 25
    SIGNAL = 26
    SIGNAL_LIGHT = 27


PART_CLASS = np.empty(len(Part), np.uint8)
PART_CLASS[Part.SKY] = SKY
PART_CLASS[Part.FACADE : Part.ROOF + 1] = BUILDING
PART_CLASS[Part.FOLIAGE : Part.TRUNK + 1] = VEGETATION
PART_CLASS[Part.ASPHALT] = ROAD
PART_CLASS[Part.PAVEMENT : Part.KERB + 1] = SIDEWALK
PART_CLASS[Part.PAINT] = MARKING
PART_CLASS[Part.BODY : Part.TAILLAMP + 1] = CAR
PART_CLASS[Part.CLOTHES : Part.HAIR + 1] = PERSON
PART_CLASS[Part.POST : Part.BARS + 1] = (POLE, WIRE, RAILING)
PART_CLASS[Part.PLATE : Part.SIGNAL_LIGHT + 1] = SIGN

# Roughly how much of its class's area each part covers: its weight in the appearance of the class.
PART_SHARE = np.ones(len(Part))
PART_SHARE[Part.FACADE : Part.ROOF + 1] = (0.62, 0.18, 0.08, 0.07, 0.05)
PART_SHARE[Part.FOLIAGE : Part.TRUNK + 1] = (0.72, 0.22, 0.06)
PART_SHARE[Part.PAVEMENT : Part.KERB + 1] = (0.93, 0.07)
PART_SHARE[Part.BODY : Part.TAILLAMP + 1] = (0.66, 0.2, 0.1, 0.02, 0.02)
PART_SHARE[Part.CLOTHES : Part.HAIR + 1] = (0.78, 0.12, 0.1)
PART_SHARE[Part.PLATE : Part.SIGNAL_LIGHT + 1] = (0.62, 0.13, 0.22, 0.03)

CASTS_ON = frozenset({Part.ASPHALT, Part.PAVEMENT, Part.KERB, Part.PAINT, Part.GRASS})
