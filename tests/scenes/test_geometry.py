"""The camera and the painter, against closed forms and plain loops."""

import numpy as np
import pytest

from hardpix.scenes.camera import Camera, plane_coefficients
from hardpix.scenes.classes import POLE, ROAD
from hardpix.scenes.layout import Layout, Light, sample_layout
from hardpix.scenes.materials import draw_materials, kind_table
from hardpix.scenes.paint import SKY_BANDS, paint, second_largest
from hardpix.scenes.parts import Part
from hardpix.scenes.render import render
from hardpix.scenes.surfaces import THINNEST, Builder, widen

SIZE = (100, 200)
FOCAL, HORIZON, HEIGHT = 180.0, 45.0, 1.5


def level_camera() -> Camera:
    return Camera(SIZE, FOCAL, HORIZON, lateral=0.0, height=HEIGHT, roll=0.0, heading=0.0, bend=0.0, climb=0.0)


def road(build: Builder) -> None:
    corners = [(-30.0, 0.0, 2.0), (-30.0, 0.0, 150.0), (30.0, 0.0, 150.0), (30.0, 0.0, 2.0)]
    build.fill(build.group(Part.ASPHALT), np.array(corners), 1000.0)


def clear_day(**changes: float) -> Light:
    settings = {"haze": 0.002, "shadow": 0.3, "noise": 3.0, "blur": 0.5} | changes
    return Light(gain=np.ones(3), air=np.array([205.0, 210.0, 218.0]), **settings)


def test_depth_of_the_ground_is_that_of_a_plane_under_the_camera() -> None:
    build = Builder(level_camera(), sun=0.0)
    road(build)
    build.stroke(build.group(Part.POST), np.array([(0.0, 0.0, 8.0), (0.0, 4.0, 8.0)]), 0.2, 8.0)
    rng = np.random.default_rng(0)
    shift = np.random.default_rng(0).uniform(-0.5, 0.5, 2)  # the first thing that render draws
    picture = render(Layout(SIZE, HORIZON, build.finish(), [], clear_day()), rng)
    rows = np.arange(SIZE[0]) + 0.5 - shift[1]
    ground = picture.target == ROAD
    expected = np.broadcast_to((FOCAL * HEIGHT / np.maximum(rows - HORIZON, 1e-3))[:, None], SIZE)
    inside = ground & (expected < 140)
    assert inside.sum() > 5000
    np.testing.assert_allclose(picture.depth[inside], expected[inside], rtol=1e-4)
    pole = picture.target == POLE
    assert pole.sum() > 100
    np.testing.assert_allclose(picture.depth[pole], 8.0, rtol=1e-5)


@pytest.mark.parametrize("depth", [4.0, 10.0, 30.0, 60.0, 120.0])
def test_poles_get_thinner_with_distance_to_below_a_pixel(depth: float) -> None:
    radius = 0.06
    build = Builder(level_camera(), sun=0.0)
    road(build)
    build.stroke(build.group(Part.POST), np.array([(0.3, 0.0, depth), (0.3, 8.0, depth)]), radius, depth)
    surfaces = build.finish()
    width = 2.0 * radius * FOCAL / depth
    covered = []
    for shift in np.linspace(-0.5, 0.5, 21):
        painting = paint(surfaces, SIZE, HORIZON, np.array([shift, 0.0]))
        row = painting.front[2 * int(HORIZON) - 10]
        post = row >= SKY_BANDS
        opacity = surfaces.opacity[row[post].astype(int) - SKY_BANDS]
        covered.append(0.5 * opacity.sum())
    assert np.mean(covered) == pytest.approx(width, rel=0.12, abs=0.02)
    assert (surfaces.opacity < 1).any() == (width < THINNEST)


def test_wires_are_labelled_without_gaps_at_any_slant() -> None:
    for slope in (0.0, 0.3, 0.7, 1.0, -0.55):
        build = Builder(level_camera(), sun=0.0)
        road(build)
        across = np.array([-4.0, 4.0])
        line = np.stack([across, 5.0 + slope * 0.4 * across, np.full(2, 20.0)], axis=1)
        build.stroke(build.group(Part.CABLE), line, 0.008, 20.0)
        painting = paint(build.finish(), SIZE, HORIZON, np.array([0.21, -0.37]))
        wire = painting.seen == SKY_BANDS + 1
        columns = np.flatnonzero(wire.any(axis=0))
        assert len(columns) >= 2 * 4.0 * FOCAL / 20.0 - 3
        assert (np.diff(columns) == 1).all()


def test_second_largest_of_four() -> None:
    samples = np.random.default_rng(0).integers(0, 5, (12, 18)).astype(np.uint16)
    for (row, column), value in np.ndenumerate(second_largest(samples)):
        block = samples[2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
        assert value == np.sort(block.ravel())[-2]


def test_plane_coefficients_interpolate_a_plane_in_space() -> None:
    rng = np.random.default_rng(1)
    camera = level_camera()
    origin, first, second = rng.uniform(-1, 1, (3, 3)) + np.array([(0, 2, 12), (2, 0, 3), (0.5, 3, -2)])
    weights = rng.uniform(0, 1, (50, 2))
    points = np.stack([origin, origin + first, origin + second])
    values = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    plane = plane_coefficients(camera.to_pixels(points)[None], values[None])[0]
    inside = camera.to_pixels(origin + weights @ np.stack([first, second]))
    linear = np.concatenate([inside[:, :2], np.ones((50, 1))], axis=1) @ plane
    np.testing.assert_allclose(1.0 / linear[:, 0], inside[:, 2], rtol=1e-9)
    np.testing.assert_allclose(linear[:, 1:] / linear[:, :1], weights, atol=1e-9)


def test_plane_seen_edge_on_has_its_first_points_values() -> None:
    pixels = np.array([[(10.0, 5.0, 4.0), (20.0, 5.0, 6.0), (30.0, 5.0, 9.0)]])
    plane = plane_coefficients(pixels, np.array([[[2.0], [3.0], [4.0]]]))[0]
    np.testing.assert_allclose(np.array([99.0, 99.0, 1.0]) @ plane, [0.25, 0.5])


def test_outlines_are_as_wide_as_the_bar_less_one_sample() -> None:
    segments = np.array([[(10.0, 10.0, 5.0), (40.0, 50.0, 5.0)], [(0.0, 0.0, 10.0), (30.0, 0.0, 10.0)]])
    outline, opacity = widen(segments, np.array([20.0, 1.0]))
    sides = np.linalg.norm(outline[:, 0, :2] - outline[:, 3, :2], axis=1)
    np.testing.assert_allclose(sides, [20.0 / 5.0 - THINNEST, 0.0])
    np.testing.assert_allclose(opacity, [1.0, 0.1 / THINNEST])


def test_street_points_keep_their_order_along_a_bend() -> None:
    camera = Camera(SIZE, FOCAL, HORIZON, 1.0, HEIGHT, 0.0, 0.0, bend=0.004, climb=0.0)
    along = np.linspace(5.0, 190.0, 60)
    columns = camera.to_pixels(np.stack([0.0 * along, 0.0 * along, along], axis=1))[:, 0]
    # Right of the line of sight by bend · z² / 2 − 1 meters, up to where the road goes on straight.
    near = along <= 120.0
    expected = SIZE[1] / 2 + FOCAL * (0.002 * along**2 - 1.0) / along
    np.testing.assert_allclose(columns[near], expected[near])
    assert (np.diff(columns) > 0).all()


def test_geometry_does_not_depend_on_what_is_drawn_later() -> None:
    layout = sample_layout(np.random.default_rng(5), SIZE)
    first, second = (render(layout, np.random.default_rng(seed)) for seed in (1, 2))
    assert (first.target != second.target).mean() < 0.15  # a shift of less than a pixel
    assert np.abs(first.image.astype(float) - second.image).mean() > 10.0
    again = render(layout, np.random.default_rng(1))
    assert (again.image == first.image).all()


def test_materials_are_drawn_as_often_and_as_widely_as_their_kinds_say() -> None:
    table = kind_table()
    parts = np.full(20000, int(Part.PAVEMENT))
    kind, colour = draw_materials(parts, np.random.default_rng(0))
    rows = np.flatnonzero(table.part == Part.PAVEMENT)
    assert np.isin(kind, rows).all()
    for row in rows:
        chosen = kind == row
        assert chosen.mean() == pytest.approx(table.weight[row], abs=0.015)
        np.testing.assert_allclose(colour[chosen].mean(axis=0), table.color[row], atol=1.0)
        # Along brightness, the mean of three channels varies as one channel does.
        assert colour[chosen].mean(axis=1).std() == pytest.approx(table.spread[row, 0] / 3**0.5, rel=0.06)
