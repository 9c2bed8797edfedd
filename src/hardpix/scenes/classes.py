"""The classes of the generated scenes and the colors they are shown in."""

CLASSES: tuple[str, ...] = (
    "sky",
    "building",
    "vegetation",
    "road",
    "sidewalk",
    "marking",
    "car",
    "person",
    "pole",
    "wire",
    "railing",
    "sign",
)

# Conventional hues of street data sets; neighbors on the street also differ in lightness, so that readers who
# confuse red and green can still tell them apart.
PALETTE: tuple[tuple[int, int, int], ...] = (
    (135, 196, 240),
    (92, 92, 92),
    (78, 140, 46),
    (128, 64, 128),
    (236, 130, 226),
    (255, 255, 255),
    (20, 50, 170),
    (220, 30, 60),
    (190, 190, 150),
    (0, 0, 0),
    (120, 70, 20),
    (250, 210, 0),
)

SKY, BUILDING, VEGETATION, ROAD, SIDEWALK, MARKING, CAR, PERSON, POLE, WIRE, RAILING, SIGN = range(len(CLASSES))
