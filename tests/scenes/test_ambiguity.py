"""The ambiguity map against cases worked out by hand, against sampling, and against drawing scenes again."""

import cv2
import numpy as np
import pytest
from scipy.stats import spearmanr

from hardpix.scenes.ambiguity import ELSEWHERE, ambiguity, class_density
from hardpix.scenes.classes import BUILDING, CLASSES, POLE, ROAD, SIDEWALK, SKY
from hardpix.scenes.layout import Light, sample_layout
from hardpix.scenes.materials import AXES, KINDS
from hardpix.scenes.paint import Painting, second_largest
from hardpix.scenes.parts import Part
from hardpix.scenes.render import Picture, average, render, vignette

WORN_ASPHALT, GREY_PAVING, FRESH_ASPHALT = (121, 119, 116), (136, 128, 120), (92, 92, 94)
OVERCAST, DARK_POST = (200, 205, 212), (52, 52, 54)


def daylight(noise: float = 4.0) -> Light:
    air = np.array([206.0, 211.0, 218.0])
    return Light(gain=np.ones(3), air=air, haze=0.002, shadow=0.3, noise=noise, blur=0.5)


def flat_picture(
    ids: np.ndarray, labels: list[int], colors: list[tuple[int, int, int]], passing: float = 1.0
) -> Picture:
    """A picture of flat surfaces seen through haze: ``ids`` of two samples a pixel and axis, nearer ones larger."""
    light = daylight()
    front = ids.astype(np.uint16)
    none = np.empty(0, np.int64)
    painting = Painting(front, none, none.astype(np.uint16), second_largest(front).astype(np.intp))
    opacity = np.ones(len(labels), np.float32)
    seen = passing * np.array(colors, float) + (1.0 - passing) * light.air
    expected = average(painting, seen, opacity) * vignette(painting.seen.shape)
    label = np.array(labels, np.uint8)
    size = painting.seen.shape
    transmission = np.full(size, passing, np.float32)
    nothing = np.zeros(size, np.float32)
    image = np.zeros((3, *size), np.uint8)
    return Picture(image, label[painting.seen], nothing, painting, label, opacity, expected, transmission)


def halves(height: int = 40, width: int = 80) -> np.ndarray:
    ids = np.zeros((2 * height, 2 * width))
    ids[:, width:] = 1
    return ids


def test_surfaces_of_one_colour_are_ambiguous_and_of_two_only_at_their_border() -> None:
    ids = halves()
    ids[:, 80] = 0  # the border in the middle of column 40
    alike = ambiguity(flat_picture(ids, [ROAD, SIDEWALK], [WORN_ASPHALT, WORN_ASPHALT]), daylight())
    apart = ambiguity(flat_picture(ids, [ROAD, SKY], [FRESH_ASPHALT, OVERCAST]), daylight())
    # Half of the column is either: a redrawing gives it to the one as often as to the other.
    for result in (alike, apart):
        np.testing.assert_allclose(result[:, 40], 0.5, atol=0.06)
    assert alike[:, 32:49].min() > 0.03
    assert apart[:, :38].max() < 0.01
    assert apart[:, 43:].max() < 0.01


def test_far_from_every_other_class_nothing_is_ambiguous() -> None:
    ids = np.zeros((80, 400))
    ids[:, 380:] = 1
    far = ambiguity(flat_picture(ids, [ROAD, SIDEWALK], [WORN_ASPHALT, WORN_ASPHALT]), daylight())
    assert far[:, :100].max() < 1e-3


def test_one_class_is_never_ambiguous() -> None:
    one = ambiguity(flat_picture(np.zeros((40, 60)), [ROAD], [WORN_ASPHALT]), daylight())
    assert one.max() == 0.0


def test_a_pole_is_the_more_ambiguous_the_thinner_it_is() -> None:
    along = []
    for samples in (1, 2, 4, 12):
        ids = np.zeros((80, 160))
        ids[:, 80 : 80 + samples] = 1
        picture = flat_picture(ids, [SKY, POLE], [OVERCAST, DARK_POST])
        pole = picture.painting.seen == 1
        assert pole.any()
        along.append(ambiguity(picture, daylight())[pole].mean())
    assert along[0] > 0.4
    assert along == sorted(along, reverse=True)
    assert along[-1] < 0.05


def test_haze_and_noise_raise_it() -> None:
    surfaces = ([ROAD, SIDEWALK], [FRESH_ASPHALT, (158, 153, 146)])

    def inside(passing: float = 1.0, noise: float = 4.0) -> float:
        """On the road's side, close to the border but beyond its ribbon."""
        return float(ambiguity(flat_picture(halves(), *surfaces, passing=passing), daylight(noise))[:, 30:38].mean())

    clear, hazy, foggy = inside(), inside(passing=0.5), inside(passing=0.15)
    assert 1.5 * clear < hazy < foggy
    assert inside(noise=30.0) > 2.0 * clear


def test_density_is_that_of_sampled_materials() -> None:
    """The share of a class's materials in a box of colors, by sampling its kinds and by integrating the density."""
    rng = np.random.default_rng(0)
    spread, draws = 8.0, 200_000
    kinds = KINDS[Part.ASPHALT]
    weights = np.array([kind.weight for kind in kinds])
    chosen = rng.choice(len(kinds), draws, p=weights / weights.sum())
    mean = np.array([kind.color for kind in kinds], float)[chosen]
    bright = np.array([kind.brightness for kind in kinds])[chosen] * 3**0.5
    tint = np.array([kind.tint for kind in kinds])[chosen]
    contrast = np.array([kind.contrast for kind in kinds])[chosen]
    material = mean + (rng.standard_normal((draws, 3)) * np.stack([bright, tint, tint], axis=1)) @ AXES
    # Texture scales each of the mean's coordinates; sun and shadow scale the color.
    texture = (contrast[:, None] * (mean @ AXES.T) * rng.standard_normal((draws, 3))) @ AXES
    shadowed = rng.random(draws) < 0.2
    factor, wobble = np.where(shadowed, 0.6, 1.0), np.where(shadowed, 0.06, 0.03)
    shading = ((mean @ AXES.T) * (wobble[:, None] * rng.standard_normal((draws, 3)))) @ AXES
    seen = material - mean + factor[:, None] * mean + texture + shading + spread * rng.standard_normal((draws, 3))
    sampled = seen @ AXES.T
    for low, high in (((150, -8, -8), (190, 8, 8)), ((200, -6, -4), (225, 10, 12)), ((90, -20, -20), (120, 20, 20))):
        inside = ((sampled >= low) & (sampled < high)).all(axis=1).mean()
        sides = [np.linspace(a, b, 25)[:-1] + (b - a) / 48 for a, b in zip(low, high, strict=True)]
        grid = np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1).reshape(-1, 3)
        volume = np.prod((np.array(high) - low) / 24)
        assert class_density(grid @ AXES, spread)[ROAD].sum() * volume == pytest.approx(inside, rel=0.05)


def test_interior_of_two_halves_is_bayes_rule() -> None:
    """Deep in one half only the neighborhood's share of the other half speaks for it."""
    size = (40, 80)
    picture = flat_picture(halves(*size), [ROAD, BUILDING], [WORN_ASPHALT, (150, 147, 141)])
    light = daylight()
    result = ambiguity(picture, light)
    # At column 38 of 80 and a window of 32 columns, the share of the right half is about 14 to 16 of 32 columns.
    density = class_density(np.array([WORN_ASPHALT], float), light.noise)[:, 0]
    low, high = (
        ELSEWHERE
        * share
        * density[BUILDING]
        / ((1 - ELSEWHERE * share) * density[ROAD] + ELSEWHERE * share * density[BUILDING])
        for share in (0.25, 0.6)
    )
    # The table's grid and levels are coarse: half as much again either way.
    assert 0.6 * low < result[20, 36] < 1.5 * high


def draw_again(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The definition itself: draws one layout many times and notes the class of what looks like a pixel.

    For some pixels: the map, the share of notes that differ from the label, and the distance to a border.
    """
    size, draws, pixels, neighbours, bandwidth = (96, 192), 100, 300, 32, 14.0
    height, width = size
    layout = sample_layout(np.random.default_rng((seed, 0)), size)
    picture = render(layout, np.random.default_rng((seed, 1)))
    known = ambiguity(picture, layout.light)
    looks = np.stack([cv2.GaussianBlur(plane, (5, 5), layout.light.blur) for plane in picture.expected])

    rng = np.random.default_rng(seed)
    rows, columns = rng.integers(0, height, 3 * pixels), rng.integers(0, width, 3 * pixels)
    # Most pixels are near 0, where ranks mean little: prefer the others.
    chosen = np.argsort(rng.random(3 * pixels) / (0.05 + known[rows, columns]))[:pixels]
    rows, columns = rows[chosen], columns[chosen]
    near_rows = np.clip(
        rows[:, None] + rng.integers(-height // 10, height // 10 + 1, (pixels, neighbours)), 0, height - 1
    )
    near_columns = np.clip(
        columns[:, None] + rng.integers(-width // 5, width // 5 + 1, (pixels, neighbours)), 0, width - 1
    )
    wanted, label = looks[:, rows, columns], picture.target[rows, columns]

    notes = np.zeros((pixels, len(CLASSES)))
    here = np.arange(pixels)
    for draw in range(draws):
        again = render(layout, np.random.default_rng((seed, 2, draw)))
        image = again.image.astype(float)
        off = ((image[:, rows, columns] - wanted) ** 2).sum(axis=0)
        np.add.at(notes, (here, again.target[rows, columns]), (1 - ELSEWHERE) * np.exp(-off / (2 * bandwidth**2)))
        off = ((image[:, near_rows, near_columns] - wanted[:, :, None]) ** 2).sum(axis=0)
        weight = ELSEWHERE / neighbours * np.exp(-off / (2 * bandwidth**2))
        np.add.at(notes, (here[:, None], again.target[near_rows, near_columns]), weight)
    drawn = 1.0 - notes[here, label] / np.maximum(notes.sum(axis=1), 1e-12)

    edge = cv2.morphologyEx(picture.target, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    distance = cv2.distanceTransform((~edge).astype(np.uint8), cv2.DIST_L2, 3)[rows, columns]
    return known[rows, columns], drawn, distance


def test_it_ranks_pixels_as_drawing_the_scenes_again_does() -> None:
    known, drawn, distance = np.concatenate([draw_again(seed) for seed in range(4)], axis=1)
    agreement = spearmanr(known, drawn).statistic
    assert agreement > 0.7
    # No border tells as much, and where no border is near the map still ranks.
    assert agreement > spearmanr(-distance, drawn).statistic + 0.05
    inner = distance > 2
    assert spearmanr(known[inner], drawn[inner]).statistic > 0.6


def test_most_pixels_are_plain_and_some_are_not_also_far_from_borders() -> None:
    shares, inner = [], []
    for index in range(12):
        layout = sample_layout(np.random.default_rng((21, index)))
        picture = render(layout, np.random.default_rng((22, index)))
        hard = ambiguity(picture, layout.light) > 0.25
        edge = cv2.morphologyEx(picture.target, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
        distance = cv2.distanceTransform((~edge).astype(np.uint8), cv2.DIST_L2, 3)
        shares.append(hard.mean())
        inner.append((distance[hard] > 3).mean())
    assert 0.05 < np.mean(shares) < 0.15
    assert np.mean(inner) > 0.1
