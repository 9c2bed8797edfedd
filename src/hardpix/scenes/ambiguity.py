"""Ambiguity of each pixel, known because we made the picture.

**The question.** Take one scene and draw it again and again: the same geometry, but another sub-pixel shift, other
materials, textures, haze and noise. Whenever a drawing shows, at the place of pixel i, the appearance that pixel i
has here, note the class it has there. The ambiguity of pixel i is the share of those notes that differ from its
label: the error, at this pixel, of an ideal observer who knows the generator and the place, but not this drawing.

**The formula.** By Bayes, with label y and appearance a, for a pixel that shows one surface,

    P(c | a_i) ∝ π_i(c) · p(a_i | c, t_i)

and for a pixel that shows a blend of several, P(c | a_i) = coverage_i(c). The same blend is seen whichever of its
classes gets the pixel, so that it does not tell which. With m_i the chance that the pixel is mixed,

    ambiguity_i = 1 − m_i · coverage_i(y) − (1 − m_i) · P(y | a_i),    m_i = 2 · (1 − max_c coverage_i(c)), at most 1

*Coverage* is the area of each class in the pixel, blurred by the lens and by the uniform shift of a pixel: which
classes a redrawing can put here. The chance m_i is 1 where no class is to be expected in more than half of the pixel.

*Appearance* a_i is the color that the pixel is expected to have under this drawing's materials, light and haze,
before texture and noise and after the lens: their spread belongs into p, so that the map is smooth and no function of
one draw of noise.

*Prior* π_i(c) = (1 − ε) · coverage_i(c) + ε · share_i(c). An observer does not know the geometry to the pixel: what
lies beside a surface is what it can be mistaken for. So the part ε = 0.3 of the prior is the share of each class in a
wide neighborhood (a fifth of the rows, two fifths of the columns).

*Likelihood* p(a | c, t). A class is a mixture of the kinds of material of its parts, Gaussian in color. Its spread
is that of the material drawn, of shading, and of texture. With transmission t (the light that haze lets through),
gain g and the air's color A the sensor sees a = g·(t·x + (1 − t)·A) + noise of a material x. Inverting that for the
pixel gives the x which the pixel would be, x_i = (a_i / g − (1 − t)·A) / t, known up to a standard deviation

    s_i² = (noise / (t·g))² + (−log t · 0.25 · |x_i − A|)²

the second term because extinction itself is redrawn with a spread of 25 %. So haze makes classes alike in the only
way it can: it divides the noise by a small t. Since x and s do not depend on the scene, p(x | c, s) is tabulated
once.

Two consequences are meant. A surface far from any border is ambiguous where a neighbor could have its color: worn
asphalt beside gray paving, a green wall among trees. And what is thinner than a pixel is ambiguous along its whole
length, whatever its color: a shift of less than a pixel gives its place to what is behind.
"""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from hardpix.scenes.classes import CLASSES
from hardpix.scenes.layout import Light
from hardpix.scenes.materials import AXES, kind_table
from hardpix.scenes.paint import Painting
from hardpix.scenes.parts import CASTS_ON, PART_CLASS, PART_SHARE, Part
from hardpix.scenes.render import HAZE_SPREAD, Map, Picture, vignette

ELSEWHERE = 0.3  # ε: the part of the prior that comes from the neighborhood
SHIFT_SPREAD = 12.0**-0.5  # standard deviation of a uniform shift by up to half a pixel

# The table's grid: from, step, count of each color coordinate along AXES, and levels of the standard deviation s.
GRID = ((0.0, 18.0, 25), (-84.0, 8.0, 26), (-60.0, 8.0, 18))
SPREADS = np.array([6.0, 10.0, 17.0, 30.0, 52.0, 90.0])


def ambiguity(picture: Picture, light: Light) -> Map:
    """The chance (H, W) in [0, 1] that a redrawing which looks like this pixel shows another class here."""
    height, width = picture.target.shape
    cover = coverage(picture.painting, picture.label, picture.opacity)
    blur = (light.blur**2 + SHIFT_SPREAD**2) ** 0.5
    expected = np.stack([cv2.GaussianBlur(plane, (5, 5), light.blur) for plane in picture.expected])
    cell = table_cell(*unveil(expected, picture.transmission, light))
    table = likelihood_table()
    small = max(width // 8, 1), max(height // 8, 1)
    window = max(round(small[0] * 0.4), 1), max(round(small[1] * 0.2), 1)
    total, mine = np.zeros((2, height, width), np.float32)
    purest, own = np.zeros((2, height, width), np.uint8)
    for c, area in enumerate(cover):
        if area is None:
            continue
        share = cv2.blur(cv2.resize(area, small, interpolation=cv2.INTER_AREA), window, borderType=cv2.BORDER_REFLECT)
        share = cv2.resize(share, (width, height), interpolation=cv2.INTER_LINEAR)
        here = cv2.GaussianBlur(area, (5, 5), blur)
        score = cv2.addWeighted(here, 1.0 - ELSEWHERE, share, ELSEWHERE, 0.0, dtype=cv2.CV_32F)
        score *= table[c].take(cell)
        total += score
        np.maximum(purest, here, out=purest)
        labeled = picture.target == c
        np.copyto(mine, score, where=labeled)
        np.copyto(own, here, where=labeled)
    mixed = np.clip(2.0 - purest * np.float32(2.0 / 255.0), 0.0, 1.0)
    right = mixed * own * np.float32(1.0 / 255.0) + (1.0 - mixed) * (mine / total)
    return np.clip(1.0 - right, 0.0, 1.0)


def coverage(painting: Painting, label: NDArray[np.uint8], opacity: Map) -> list[NDArray[np.uint8] | None]:
    """Area of each class in each pixel, (H, W) in 0–255; None for a class that is not in the picture."""
    classes = label.take(painting.front)
    thin = painting.front.ravel()[painting.translucent]
    front, share = label[thin], opacity[thin]
    behind = label[painting.under]
    height, width = painting.seen.shape
    areas: list[NDArray[np.uint8] | None] = []
    for c in range(len(CLASSES)):
        if c not in label:
            areas.append(None)
            continue
        samples = (classes == c).view(np.uint8) * np.uint8(255)
        samples.ravel()[painting.translucent] = np.rint(255.0 * (share * (front == c) + (1.0 - share) * (behind == c)))
        areas.append(cv2.resize(samples, (width, height), interpolation=cv2.INTER_AREA))
    return areas


def unveil(expected: Map, transmission: Map, light: Light) -> tuple[Map, Map]:
    """Takes light, lens and haze off a picture: the material's color (3, H, W), and how uncertain it is (H, W)."""
    lens = vignette(transmission.shape) * light.gain.astype(np.float32)[:, None, None]
    air = light.air.astype(np.float32)[:, None, None]
    color = (expected / lens - (1.0 - transmission) * air) / transmission
    from_haze = np.log(transmission) * HAZE_SPREAD * np.abs(color - air).mean(axis=0)
    from_noise = light.noise / (transmission * float(light.gain.mean()))
    return color, np.sqrt(from_noise * from_noise + from_haze * from_haze)


def table_cell(color: Map, spread: Map) -> NDArray[np.intp]:
    """Place in the table of a color (3, H, W) with a spread (H, W)."""
    axes = AXES.astype(np.float32)
    # Nearest level of spread: the levels grow geometrically.
    ratio = np.log(SPREADS[-1] / SPREADS[0]) / (len(SPREADS) - 1)
    cell = (
        np.rint(np.log(spread / np.float32(SPREADS[0])) / np.float32(ratio)).clip(0, len(SPREADS) - 1).astype(np.int32)
    )
    for axis, (start, step, count) in zip(axes, GRID, strict=True):
        coordinate = axis[0] * color[0] + axis[1] * color[1] + axis[2] * color[2]
        cell = cell * count + np.rint((coordinate - start) / step).clip(0, count - 1).astype(np.int32)
    return cell.astype(np.intp)


def class_density(color: NDArray[np.float64], spread: float) -> NDArray[np.float64]:
    """Density (classes, n) of each class's materials, known up to ``spread``, at n colors (n, 3) in full daylight."""
    table = kind_table()
    weight = table.weight * PART_SHARE[table.part]
    cast_on = np.isin(table.part, list(CASTS_ON))
    flat = cast_on | (table.part == Part.SKY)
    # Shading: part of the area, mean and spread. The ground is lit or lies in shadow, other things turn from the sun.
    lit = np.where(cast_on, 0.8, 1.0), np.where(flat, 1.0, 0.87), np.where(flat, 0.03, 0.13)
    shadowed = np.where(cast_on, 0.2, 0.0), np.full(len(weight), 0.6), np.full(len(weight), 0.06)
    target, mean = color @ AXES.T, table.color @ AXES.T
    density = np.zeros((len(CLASSES), len(color)))
    for part, shade, shade_spread in (lit, shadowed):
        texture = table.contrast[:, None] * mean
        variance = spread**2 + table.spread**2 + (shade_spread[:, None] * mean) ** 2 + texture**2
        away = target[None] - (shade[:, None] * mean)[:, None]
        log_density = -0.5 * (away**2 / variance[:, None] + np.log(2.0 * np.pi * variance[:, None])).sum(axis=2)
        np.add.at(density, PART_CLASS[table.part], (weight * part)[:, None] * np.exp(log_density))
    return density / np.bincount(PART_CLASS[table.part], weight, len(CLASSES))[:, None]


@lru_cache(maxsize=1)
def likelihood_table() -> NDArray[np.float32]:
    """``class_density`` (classes, cells) on the grid of colors and spreads that ``table_cell`` points into."""
    coordinates = np.meshgrid(*[start + step * np.arange(count) for start, step, count in GRID], indexing="ij")
    colors = np.stack(coordinates, axis=-1).reshape(-1, 3) @ AXES
    levels = [class_density(colors, spread).astype(np.float32) for spread in SPREADS]
    # A floor far below any density keeps colors that no material has from dividing nothing by nothing.
    return np.concatenate(levels, axis=1) + np.float32(1e-12)
