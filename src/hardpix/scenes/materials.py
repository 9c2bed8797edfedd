"""Materials of the scenes: for each part of a thing the kinds of material it can be drawn from.

A kind is a Gaussian in color, and a texture. It has a mean in display values 0–255 under full daylight, and standard
deviations along brightness and along two color axes. Many kinds resemble those of another class on purpose: worn
asphalt and paving, dark window and car glass, green plaster and leaves, a wooden pole and a trunk.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hardpix.scenes.parts import Part
from hardpix.scenes.textures import BRICK, CLOUD, GRAIN, LEAVES, PAVING, PLAIN, PLANKS, STAINS


@dataclass(frozen=True)
class Kind:
    """One material: how often it is drawn, its color and spread, its texture and the texture's size in meters."""

    weight: float
    color: tuple[int, int, int]
    brightness: float = 14.0
    tint: float = 5.0
    texture: int = GRAIN
    contrast: float = 0.06
    meters: float = 4.0


KINDS: dict[Part, tuple[Kind, ...]] = {
    Part.SKY: (
        Kind(0.45, (112, 152, 206), 12, 7, CLOUD, 0.08, 2600.0),
        Kind(0.35, (186, 194, 204), 12, 4, CLOUD, 0.06, 2600.0),
        Kind(0.20, (214, 219, 224), 8, 3, CLOUD, 0.03, 2600.0),
    ),
    Part.FACADE: (
        Kind(0.22, (196, 184, 164), 16, 6, STAINS, 0.07, 9.0),
        Kind(0.18, (150, 147, 141), 14, 4, STAINS, 0.08, 9.0),
        Kind(0.18, (142, 92, 74), 12, 6, BRICK, 0.16, 2.4),
        Kind(0.10, (98, 78, 68), 10, 5, BRICK, 0.16, 2.4),
        Kind(0.10, (198, 172, 118), 14, 7, STAINS, 0.07, 9.0),
        Kind(0.10, (218, 214, 206), 10, 3, STAINS, 0.05, 9.0),
        Kind(0.07, (98, 112, 78), 12, 6, LEAVES, 0.14, 3.0),
        Kind(0.05, (110, 128, 146), 14, 5, PAVING, 0.10, 6.0),
    ),
    Part.WINDOW: (
        Kind(0.55, (52, 58, 66), 12, 4, STAINS, 0.10, 5.0),
        Kind(0.28, (120, 140, 162), 22, 6, STAINS, 0.09, 5.0),
        Kind(0.17, (166, 158, 142), 14, 5, PLANKS, 0.08, 1.5),
    ),
    Part.TRIM: (
        Kind(0.6, (208, 204, 196), 14, 4, GRAIN, 0.04),
        Kind(0.4, (104, 92, 82), 16, 6, GRAIN, 0.06),
    ),
    Part.SHOP: (
        Kind(0.40, (58, 62, 68), 14, 5, STAINS, 0.22, 3.0),
        Kind(0.25, (92, 70, 56), 14, 7, PLANKS, 0.14, 1.2),
        Kind(0.20, (152, 152, 150), 16, 4, PLANKS, 0.12, 1.0),
        Kind(0.15, (70, 92, 90), 14, 7, PLANKS, 0.10, 1.4),
    ),
    Part.ROOF: (
        Kind(0.55, (136, 84, 66), 12, 6, PLANKS, 0.14, 1.6),
        Kind(0.45, (92, 92, 98), 12, 4, PLANKS, 0.12, 1.6),
    ),
    Part.FOLIAGE: (
        Kind(0.34, (58, 76, 42), 10, 5, LEAVES, 0.30, 2.2),
        Kind(0.34, (84, 106, 54), 12, 6, LEAVES, 0.28, 2.2),
        Kind(0.16, (124, 124, 62), 12, 6, LEAVES, 0.26, 2.2),
        Kind(0.08, (142, 100, 56), 12, 7, LEAVES, 0.26, 2.2),
        Kind(0.08, (92, 86, 72), 12, 5, LEAVES, 0.28, 2.2),
    ),
    Part.GRASS: (
        Kind(0.55, (98, 120, 62), 12, 6, GRAIN, 0.20, 3.0),
        Kind(0.25, (142, 134, 90), 12, 6, GRAIN, 0.18, 3.0),
        Kind(0.20, (122, 108, 90), 12, 5, STAINS, 0.18, 5.0),
    ),
    Part.TRUNK: (
        Kind(0.7, (86, 72, 58), 12, 4, PLANKS, 0.22, 0.5),
        Kind(0.3, (126, 122, 112), 14, 4, STAINS, 0.22, 1.0),
    ),
    Part.ASPHALT: (
        Kind(0.38, (92, 92, 94), 10, 3, GRAIN, 0.11, 3.0),
        Kind(0.34, (122, 120, 117), 11, 3, GRAIN, 0.11, 3.0),
        Kind(0.14, (74, 76, 82), 9, 3, STAINS, 0.13, 6.0),
        Kind(0.14, (152, 148, 140), 11, 4, PAVING, 0.07, 14.0),
    ),
    Part.PAVEMENT: (
        Kind(0.34, (158, 153, 146), 13, 4, PAVING, 0.14, 2.4),
        Kind(0.24, (136, 128, 120), 12, 4, PAVING, 0.14, 1.6),
        Kind(0.16, (148, 116, 102), 12, 6, PAVING, 0.12, 1.6),
        Kind(0.26, (114, 112, 110), 12, 3, GRAIN, 0.11, 3.0),
    ),
    Part.KERB: (Kind(1.0, (162, 160, 154), 16, 3, GRAIN, 0.08),),
    Part.PAINT: (
        Kind(0.5, (214, 214, 208), 12, 3, STAINS, 0.10, 2.0),
        Kind(0.32, (174, 173, 168), 13, 3, STAINS, 0.22, 1.2),
        Kind(0.18, (202, 170, 92), 14, 6, STAINS, 0.14, 1.6),
    ),
    Part.BODY: (
        Kind(0.20, (46, 47, 50), 9, 3, PLAIN, 0.05),
        Kind(0.20, (214, 214, 212), 10, 3, PLAIN, 0.04),
        Kind(0.20, (164, 166, 168), 13, 3, PLAIN, 0.05),
        Kind(0.12, (146, 46, 44), 14, 8, PLAIN, 0.05),
        Kind(0.13, (54, 72, 116), 14, 8, PLAIN, 0.05),
        Kind(0.09, (98, 99, 102), 12, 3, PLAIN, 0.05),
        Kind(0.06, (88, 96, 74), 14, 8, PLAIN, 0.05),
    ),
    Part.GLASS: (
        Kind(0.7, (46, 52, 59), 10, 4, STAINS, 0.09, 1.5),
        Kind(0.3, (112, 130, 148), 20, 6, STAINS, 0.08, 1.5),
    ),
    Part.TYRE: (Kind(1.0, (40, 40, 42), 8, 2, GRAIN, 0.05),),
    Part.HEADLAMP: (Kind(1.0, (224, 220, 206), 14, 4, PLAIN, 0.02),),
    Part.TAILLAMP: (Kind(1.0, (164, 46, 42), 18, 8, PLAIN, 0.02),),
    Part.CLOTHES: (
        Kind(0.34, (50, 50, 60), 12, 5, STAINS, 0.14, 0.9),
        Kind(0.20, (66, 82, 114), 14, 6, STAINS, 0.12, 0.9),
        Kind(0.12, (158, 56, 56), 18, 10, STAINS, 0.10, 0.9),
        Kind(0.12, (206, 202, 196), 14, 4, STAINS, 0.10, 0.9),
        Kind(0.14, (152, 132, 106), 16, 7, STAINS, 0.12, 0.9),
        Kind(0.08, (196, 196, 70), 18, 10, STAINS, 0.08, 0.9),
    ),
    Part.SKIN: (
        Kind(0.6, (190, 148, 124), 14, 5, PLAIN, 0.03),
        Kind(0.4, (116, 82, 64), 14, 5, PLAIN, 0.03),
    ),
    Part.HAIR: (
        Kind(0.75, (52, 43, 38), 10, 4, GRAIN, 0.10, 0.5),
        Kind(0.25, (150, 126, 92), 16, 6, GRAIN, 0.10, 0.5),
    ),
    Part.POST: (
        Kind(0.42, (150, 151, 150), 14, 3, STAINS, 0.08, 1.0),
        Kind(0.20, (56, 66, 60), 10, 4, STAINS, 0.06, 1.0),
        Kind(0.20, (52, 52, 54), 10, 2, STAINS, 0.06, 1.0),
        Kind(0.18, (106, 88, 70), 12, 5, PLANKS, 0.16, 0.4),
    ),
    Part.CABLE: (
        Kind(0.8, (46, 46, 50), 9, 2, PLAIN, 0.0),
        Kind(0.2, (100, 102, 106), 12, 3, PLAIN, 0.0),
    ),
    Part.BARS: (
        Kind(0.30, (56, 57, 58), 10, 3, PLAIN, 0.03),
        Kind(0.28, (152, 153, 152), 14, 3, PLAIN, 0.03),
        Kind(0.16, (56, 88, 66), 10, 6, PLAIN, 0.03),
        Kind(0.14, (206, 205, 200), 12, 3, PLAIN, 0.03),
        Kind(0.12, (122, 94, 68), 12, 6, PLANKS, 0.08, 0.5),
    ),
    Part.PLATE: (
        Kind(0.28, (176, 50, 50), 16, 8, PLAIN, 0.02),
        Kind(0.24, (50, 88, 158), 14, 8, PLAIN, 0.02),
        Kind(0.22, (222, 220, 216), 12, 3, PLAIN, 0.02),
        Kind(0.14, (220, 184, 70), 14, 8, PLAIN, 0.02),
        Kind(0.12, (48, 112, 82), 12, 7, PLAIN, 0.02),
    ),
    Part.PLATE_BACK: (Kind(1.0, (150, 151, 152), 16, 3, PLAIN, 0.03),),
    Part.SIGNAL: (
        Kind(0.7, (44, 46, 44), 9, 3, PLAIN, 0.03),
        Kind(0.3, (178, 150, 62), 14, 6, PLAIN, 0.03),
    ),
    Part.SIGNAL_LIGHT: (
        Kind(0.5, (226, 70, 60), 12, 6, PLAIN, 0.0),
        Kind(0.5, (96, 216, 150), 12, 6, PLAIN, 0.0),
    ),
}

# Orthonormal axes of color: brightness, then blue against yellow, then green against magenta.
AXES = np.array([[1.0, 1.0, 1.0], [1.0, 0.0, -1.0], [1.0, -2.0, 1.0]])
AXES /= np.linalg.norm(AXES, axis=1, keepdims=True)


@dataclass(frozen=True)
class KindTable:
    """All kinds of all parts as arrays of one row a kind; the kinds of part p are rows first[p] to first[p + 1]."""

    first: NDArray[np.int64]
    part: NDArray[np.int64]
    cumulative: NDArray[np.float64]  # of the weight, within the part
    weight: NDArray[np.float64]
    color: NDArray[np.float64]
    spread: NDArray[np.float64]  # (kinds, 3): standard deviation along AXES
    texture: NDArray[np.int64]
    contrast: NDArray[np.float64]
    meters: NDArray[np.float64]


@lru_cache(maxsize=1)
def kind_table() -> KindTable:
    """The table of all kinds."""
    rows = [(part, kind) for part in Part for kind in KINDS[part]]
    part = np.array([part for part, _ in rows])
    weight = np.concatenate([[k.weight for k in KINDS[p]] / np.sum([k.weight for k in KINDS[p]]) for p in Part])
    first = np.searchsorted(part, np.arange(len(Part) + 1))
    cumulative = np.concatenate([np.cumsum(weight[a:b]) for a, b in pairwise(first)])
    return KindTable(
        first=first,
        part=part,
        cumulative=cumulative,
        weight=weight,
        color=np.array([kind.color for _, kind in rows], dtype=np.float64),
        spread=np.array([(kind.brightness * 3**0.5, kind.tint, kind.tint) for _, kind in rows]),
        texture=np.array([kind.texture for _, kind in rows]),
        contrast=np.array([kind.contrast for _, kind in rows]),
        meters=np.array([kind.meters for _, kind in rows]),
    )


def draw_materials(parts: NDArray[np.int64], rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Draws one material for each of n parts: the row of its kind (n,) and its color (n, 3) in full daylight."""
    table = kind_table()
    # Cumulative weights of part p moved into (p, p + 1] turn n draws within n parts into one sorted search.
    kind = np.searchsorted(table.cumulative + table.part, parts + rng.random(len(parts)) * 0.999999)
    deviation = rng.standard_normal((len(parts), 3)) * table.spread[kind]
    return kind, np.clip(table.color[kind] + deviation @ AXES, 6.0, 250.0)
