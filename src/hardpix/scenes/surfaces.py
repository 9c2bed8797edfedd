"""From things in the street to flat surfaces in the picture, farthest first."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hardpix.scenes.camera import Array, Camera, plane_coefficients
from hardpix.scenes.parts import PART_CLASS, Part

Index = NDArray[np.int64]

# Strokes are drawn at least this wide, in pixels: one of two samples a pixel. What is thinner is translucent.
THINNEST = 0.5


@dataclass(frozen=True)
class Surfaces:
    """n surfaces in painter's order, geometry only: nothing here depends on materials, haze or noise.

    ``corners`` (N, 2) holds the pixel coordinates of all of them; surface i takes ``contours[i]`` × ``sides[i]`` rows
    from ``start[i]``, filled by the even-odd rule. ``plane`` (n, 3, 3) gives, times (column, row, 1): 1 / depth and two
    surface coordinates (meters) / depth. Surfaces of one ``group`` share a material.
    """

    corners: Array
    start: Index
    contours: Index
    sides: Index
    part: Index
    group: Index
    group_part: Index
    shade: Array  # light that reaches the surface, 1 is full daylight
    opacity: Array  # below 1 for strokes thinner than can be drawn
    plane: Array
    nearest: Array
    farthest: Array

    @property
    def label(self) -> NDArray[np.uint8]:
        """The class of each surface."""
        return PART_CLASS[self.part]


@dataclass
class _Collected:
    """Surfaces as they were added, in batches of equal shape."""

    corners: list[Array] = field(default_factory=list)
    shapes: list[tuple[int, int, int]] = field(default_factory=list)
    facts: list[tuple[int, float, float]] = field(default_factory=list)  # group, shade, width of a stroke in meters
    order: list[float] = field(default_factory=list)

    def add(self, corners: Array, group: int, order: Array | float, shade: float, width: float = 0.0) -> None:
        shape = (1, 1, *corners.shape)[-4:]
        self.corners.append(corners.reshape(-1, 3))
        self.shapes.append(shape[:3])
        self.facts.append((group, shade, width))
        self.order.extend([order] * shape[0] if isinstance(order, float) else order.tolist())

    def columns(self) -> tuple[Array, Index, Index, Array, Array]:
        """Corners (N, 3); of each surface: contours, sides, facts (n, 3) and order."""
        shapes = np.array(self.shapes)
        facts = np.repeat(np.array(self.facts), shapes[:, 0], axis=0)
        contours, sides = np.repeat(shapes[:, 1], shapes[:, 0]), np.repeat(shapes[:, 2], shapes[:, 0])
        return np.concatenate(self.corners), contours, sides, facts, np.array(self.order)


class Builder:
    """Collects things in street coordinates; ``finish`` projects them all at once.

    ``sun`` is how many meters of shadow a meter of height throws to the left; 0 when the sky is overcast.
    """

    def __init__(self, camera: Camera, sun: float) -> None:
        self.camera = camera
        self.sun = sun
        self.group_part: list[int] = []
        self.fills = _Collected()
        self.strokes = _Collected()
        self.shadow_corners: list[Array] = []

    def group(self, part: Part) -> int:
        """A new material to be drawn for a part."""
        self.group_part.append(int(part))
        return len(self.group_part) - 1

    def fill(self, group: int, corners: Array, order: Array | float, shade: float = 1.0) -> None:
        """Adds n surfaces of k contours of m corners, ``corners`` (n, k, m, 3) or fewer axes.

        What has the larger ``order`` is painted first: mostly its distance. ``shade`` is the light it gets.
        """
        self.fills.add(corners, group, order, shade)

    def stroke(self, group: int, segments: Array, radius: float, order: Array | float, shade: float = 1.0) -> None:
        """Adds n surfaces of k round bars each, ``segments`` (n, k, 2, 3) or fewer axes, of a radius in meters."""
        self.strokes.add(segments, group, order, shade, 2.0 * radius)

    def shadow(self, corners: Array) -> None:
        """Adds a shadow on the ground, ``corners`` (m, 3) in street coordinates."""
        self.shadow_corners.append(corners)

    def shadows(self) -> list[Array]:
        """The shadows' outlines (m, 2) in pixels."""
        ends = np.cumsum([len(corners) for corners in self.shadow_corners])
        if not len(ends):
            return []
        return np.split(self.camera.to_pixels(np.concatenate(self.shadow_corners))[:, :2], ends[:-1])

    def finish(self) -> Surfaces:
        """Projects everything, drops what is out of sight and sorts the rest, farthest first."""
        filled, contours, sides, facts, order = self.fills.columns()
        bars, bar_contours, _, bar_facts, bar_order = self.strokes.columns()
        pixels = self.camera.to_pixels(filled)
        first = np.cumsum(contours * sides) - contours * sides
        references = filled[first[:, None] + np.arange(3) * (sides[:, None] // 3)]

        bar_pixels = self.camera.to_pixels(bars).reshape(-1, 2, 3)
        bar_first = np.cumsum(bar_contours) - bar_contours
        outlines, opaque = widen(bar_pixels, np.repeat(bar_facts[:, 2], bar_contours) * self.camera.focal)
        # Bars count as upright and facing the camera.
        bar_references = bars[2 * bar_first][:, None] + np.array([(0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)])

        corners = np.concatenate([pixels, outlines.reshape(-1, 3)])
        contours = np.concatenate([contours, bar_contours])
        sides = np.concatenate([sides, np.full_like(bar_contours, 4)])
        facts = np.concatenate([facts, bar_facts])
        order = np.concatenate([order, bar_order])
        start = np.cumsum(contours * sides) - contours * sides
        opacity = np.concatenate([np.ones(len(first)), np.add.reduceat(opaque, bar_first) / bar_contours])
        low, high = np.minimum.reduceat(corners, start), np.maximum.reduceat(corners, start)

        height, width = self.camera.size
        in_sight = (high[:, 0] > -2) & (low[:, 0] < width + 2) & (high[:, 1] > -2) & (low[:, 1] < height + 2)
        keep = np.flatnonzero(in_sight)
        keep = keep[np.argsort(-order[keep], kind="stable")]
        points = np.concatenate([references, bar_references])[keep]
        # The axis along which a surface extends least is the one it faces; the two others are its coordinates.
        across = np.array([(1, 2), (0, 2), (0, 1)])[np.ptp(points, axis=1).argmin(axis=1)]
        values = np.take_along_axis(points, across[:, None, :], axis=2)
        group_part = np.array(self.group_part)
        group = facts[keep, 0].astype(np.int64)
        return Surfaces(
            corners=corners[:, :2],
            start=start[keep],
            contours=contours[keep],
            sides=sides[keep],
            part=group_part[group],
            group=group,
            group_part=group_part,
            shade=facts[keep, 1],
            opacity=opacity[keep],
            plane=plane_coefficients(self.camera.to_pixels(points), values),
            nearest=low[keep, 2],
            farthest=high[keep, 2],
        )


def widen(segments: Array, width: Array) -> tuple[Array, Array]:
    """Bars (n, 2, 3) in pixels and depth, ``width`` (n,) pixels wide at 1 m: outlines (n, 4, 3) and opacity (n,).

    Filling an outline also fills the samples that its edges touch, half a sample on each side, so that outlines are
    drawn that much narrower. A bar thinner than one sample is drawn one sample wide, and as much more translucent.
    """
    across = width[:, None] / segments[..., 2]
    direction = segments[:, 1, :2] - segments[:, 0, :2]
    length = np.maximum(np.hypot(direction[:, 0], direction[:, 1]), 1e-6)
    cosine, sine = direction[:, 0] / length, direction[:, 1] / length
    half = 0.5 * np.maximum(across - THINNEST, 0.0)
    offset = np.stack([-sine[:, None] * half, cosine[:, None] * half, np.zeros_like(half)], axis=-1)
    outline = np.concatenate([segments + offset, (segments - offset)[:, ::-1]], axis=1)
    # A slanting line of samples that share edges holds more samples than its length.
    slant = np.abs(cosine) + np.abs(sine)
    return outline, np.minimum(across.mean(axis=1) / (THINNEST * slant), 1.0)
