"""Draws a layout: materials, light, haze, textures, lens and sensor.

Everything that one picture of a scene does not share with the next is drawn here, from the generator that ``render`` is
given: ``render(layout, a)`` and ``render(layout, b)`` are the same street, photographed in other paint and weather.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from hardpix.scenes.camera import Array
from hardpix.scenes.classes import SKY
from hardpix.scenes.layout import Layout
from hardpix.scenes.materials import draw_materials, kind_table
from hardpix.scenes.paint import SKY_BANDS, SUBPIXEL_BITS, Painting, paint
from hardpix.scenes.parts import CASTS_ON, Part
from hardpix.scenes.textures import STAINS, TILE, atlas

HAZE_SPREAD = 0.25  # standard deviation of log extinction between two pictures of a scene
SKY_DEPTH = 1000.0  # height of the clouds, meters

Map = NDArray[np.float32]


@dataclass(frozen=True)
class Picture:
    """One picture of a layout, and what only its maker knows of it."""

    image: NDArray[np.uint8]  # (3, H, W), RGB
    target: NDArray[np.uint8]  # (H, W)
    depth: Map  # (H, W), meters; NaN in the sky
    painting: Painting
    label: NDArray[np.uint8]  # (ids,): class of each id of the painting
    opacity: Map  # (ids,)
    expected: Map  # (3, H, W): the picture without texture, lens and noise
    transmission: Map  # (H, W): share of light that comes from the surface and not from haze


def render(layout: Layout, rng: np.random.Generator) -> Picture:
    """Draws one picture: new materials, textures, haze, sub-pixel shift, noise and compression."""
    surfaces, light = layout.surfaces, layout.light
    shift = rng.uniform(-0.5, 0.5, 2)
    painting = paint(surfaces, layout.size, layout.horizon, shift)
    group_kind, group_color = draw_materials(np.append(surfaces.group_part, Part.SKY), rng)
    group = np.concatenate([np.full(SKY_BANDS, len(surfaces.group_part)), surfaces.group])
    kind, color = group_kind[group], group_color[group]
    haze = light.haze * np.exp(rng.normal(0.0, HAZE_SPREAD))
    passing = np.concatenate([sky_clearness(), np.exp(-haze * 0.5 * (surfaces.nearest + surfaces.farthest))])
    shade = np.concatenate([np.ones(SKY_BANDS), surfaces.shade])
    part = np.concatenate([np.full(SKY_BANDS, int(Part.SKY)), surfaces.part])
    label = np.concatenate([np.full(SKY_BANDS, SKY, np.uint8), surfaces.label])
    opacity = np.concatenate([np.ones(SKY_BANDS), surfaces.opacity]).astype(np.float32)

    flat = light.gain * (passing[:, None] * shade[:, None] * color + (1.0 - passing[:, None]) * light.air)
    planes = average(painting, np.clip(flat, 0.0, 255.0), opacity)

    seen = painting.seen
    inverse_depth, across, along = surface_coordinates(layout, seen, shift)
    receives = np.isin(part, list(CASTS_ON)).astype(np.float32)
    shadow = light.shadow * cast_shadows(layout, shift) * receives.take(seen)
    lit = (1.0 - shadow) * vignette(layout.size)
    expected = planes * lit
    gain = 1.0 + texture(kind, passing, group, seen, inverse_depth, across, along, layout.size[1], rng)
    photographed = develop(
        expected * gain, light.blur * rng.uniform(0.8, 1.2), light.noise * rng.uniform(0.8, 1.2), rng
    )
    image = compress(photographed, int(rng.integers(72, 96)))
    depth = np.where(seen < SKY_BANDS, np.float32(np.nan), 1.0 / inverse_depth).astype(np.float32)
    transmission = passing.astype(np.float32).take(seen)
    return Picture(image, label.take(seen), depth, painting, label, opacity, expected, transmission)


def sky_clearness() -> Array:
    """Clearness of the sky under haze, for each of its bands from the zenith down to the horizon."""
    return 0.5 + 0.5 * np.linspace(1.0, 0.0, SKY_BANDS) ** 0.8


def average(painting: Painting, colors: Array, opacity: Map) -> Map:
    """Mean color (3, H, W) of the four samples of each pixel; ``colors`` (ids, 3)."""
    table = np.zeros((len(colors), 4), np.uint8)
    table[:, :3] = np.rint(colors)
    samples = np.take(table.view(np.uint32).ravel(), painting.front).view(np.uint8).reshape(*painting.front.shape, 4)
    where = painting.translucent
    thin = painting.front.ravel()[where]
    share = opacity[thin][:, None]
    samples.reshape(-1, 4)[where] = np.rint(share * table[thin] + (1.0 - share) * table[painting.under]).astype(
        np.uint8
    )
    height, width = painting.seen.shape
    pixels = cv2.resize(samples, (width, height), interpolation=cv2.INTER_AREA)
    return np.stack(cv2.split(pixels)[:3]).astype(np.float32)


def surface_coordinates(layout: Layout, seen: NDArray[np.intp], shift: Array) -> tuple[Map, Map, Map]:
    """1 / depth and the two coordinates (meters) on the surface that each pixel shows."""
    height, width = layout.size
    surfaces = layout.surfaces
    focal = float(width)
    overhead = np.zeros((3, 3))
    overhead[1:, 0] = (-1.0 / (focal * SKY_DEPTH), layout.horizon / (focal * SKY_DEPTH))
    overhead[:, 1] = (1.0 / focal, 0.0, -0.5 * width / focal)
    overhead[2, 2] = 1.0
    plane = np.concatenate([np.broadcast_to(overhead, (SKY_BANDS, 3, 3)), surfaces.plane])
    nearest = np.concatenate([np.full(SKY_BANDS, SKY_DEPTH), surfaces.nearest]).astype(np.float32)
    farthest = np.concatenate([np.full(SKY_BANDS, 40.0 * SKY_DEPTH), surfaces.farthest]).astype(np.float32)
    column = (np.arange(width, dtype=np.float32) + 0.5 - np.float32(shift[0]))[None, :]
    row = (np.arange(height, dtype=np.float32) + 0.5 - np.float32(shift[1]))[:, None]
    a, b, c = np.ascontiguousarray(plane.transpose(1, 2, 0), dtype=np.float32)
    inverse, across, along = (a[k].take(seen) * column + b[k].take(seen) * row + c[k].take(seen) for k in range(3))
    inverse = np.clip(inverse, (1.0 / farthest).take(seen), (1.0 / nearest).take(seen))
    return inverse, across / inverse, along / inverse


def texture(
    kind: NDArray[np.int64],
    passing: Array,
    group: NDArray[np.int64],
    seen: NDArray[np.intp],
    inverse_depth: Map,
    across: Map,
    along: Map,
    focal: float,
    rng: np.random.Generator,
) -> Map:
    """Relative deviation of each pixel from its surface's mean color: the kind's texture, and far larger stains."""
    table = kind_table()
    texels = (TILE / table.meters)[kind].astype(np.float32)
    offset = rng.integers(0, TILE, (2, int(group.max()) + 1))[:, group]
    contrast = (table.contrast[kind] * passing).astype(np.float32)
    scale = texels.take(seen)
    s = (across * scale).astype(np.int32) + offset[0].astype(np.int32).take(seen)
    t = (along * scale).astype(np.int32) + offset[1].astype(np.int32).take(seen)
    tile = (table.texture[kind] * TILE * TILE).astype(np.int32).take(seen)
    values = atlas().ravel()
    fine = values.take(tile + ((t & (TILE - 1)) * TILE + (s & (TILE - 1))))
    coarse = values.take(STAINS * TILE * TILE + (((t >> 4) & (TILE - 1)) * TILE + ((s >> 4) & (TILE - 1))))
    # Where texels are much smaller than pixels, they average out.
    sharpness = np.minimum(4.0 * focal * inverse_depth / scale, 1.0)
    return contrast.take(seen) * (sharpness * fine + 0.35 * coarse)


def cast_shadows(layout: Layout, shift: Array) -> Map:
    """Share of each pixel that lies in shadow, were it on the ground: (H, W) in [0, 1]."""
    mask = np.zeros(layout.size, np.uint8)
    for shape in layout.shadows:
        points = np.rint((shape + shift - 0.5) * (1 << SUBPIXEL_BITS)).clip(-(2**17), 2**17).astype(np.int32)
        cv2.fillPoly(mask, [points], (255,), cv2.LINE_8, SUBPIXEL_BITS)
    return cv2.blur(mask, (3, 3)).astype(np.float32) / 255.0


@lru_cache(maxsize=8)
def vignette(size: tuple[int, int]) -> Map:
    """Light that the lens passes, 1 at the center and less towards the corners."""
    height, width = size
    row = (np.arange(height) + 0.5)[:, None] / height - 0.5
    column = (np.arange(width) + 0.5)[None, :] / width - 0.5
    return (1.0 - 0.36 * (row * row + column * column)).astype(np.float32)


def develop(light: Map, blur: float, noise: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Blurs by the lens and adds the sensor's noise: (3, H, W) light to display values (H, W, 3)."""
    # The bits set in 32 random ones: a binomial, bell-shaped and exact on every machine; mean 16, variance 8.
    bits = np.bitwise_count(rng.bit_generator.random_raw((light.size + 1) // 2).view(np.uint32))[: light.size]
    bits = bits.reshape(light.shape)
    planes = []
    for channel, plane in enumerate(light):
        plane = cv2.GaussianBlur(plane, (5, 5), blur)
        # Encoded for display, noise is strongest in the dark, where reading the sensor adds to the photons' own.
        amplitude = (1.25 - plane * (0.5 / 255.0)) * np.float32(noise / 8.0**0.5)
        plane += amplitude * (bits[channel].astype(np.float32) - 16.0)
        planes.append(np.clip(plane, 0.0, 255.0).astype(np.uint8))
    return cv2.merge(planes)


def compress(pixels: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """Through JPEG and back: (H, W, 3) to (3, H, W)."""
    _, packed = cv2.imencode(".jpg", np.ascontiguousarray(pixels[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, quality])
    unpacked = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(unpacked[..., ::-1].transpose(2, 0, 1))
