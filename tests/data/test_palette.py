"""Colors that can be told apart."""

import numpy as np

from hardpix.data.palette import DARKEST, ERROR_COLORS, OKABE_ITO, as_seen, palette
from hardpix.diagnosis.scores.error_kinds import KINDS


def test_normal_sight_is_cielab() -> None:
    """Published CIELAB coordinates of sRGB's corners and of its middle gray under D65."""
    corners = np.array([[119, 119, 119], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255], [0, 0, 0]])
    published = [
        [50.03, 0, 0],
        [100, 0, 0],
        [53.24, 80.09, 67.20],
        [87.73, -86.18, 83.18],
        [32.30, 79.19, -107.86],
        [0, 0, 0],
    ]
    np.testing.assert_allclose(as_seen(corners)[0], published, atol=0.05)


def test_grey_stays_grey_to_everyone() -> None:
    greys = np.repeat(np.arange(0, 256, 15)[:, None], 3, axis=1)
    assert np.abs(as_seen(greys)[..., 1:]).max() < 0.1


def test_red_and_green_of_one_lightness_look_alike_without_green_cones_only() -> None:
    pair = np.array([[150, 112, 0], [118, 125, 0]])
    normal, _, deutan, tritan = np.linalg.norm(np.diff(as_seen(pair), axis=1)[:, 0], axis=-1)
    assert deutan < 0.4 * min(normal, tritan)


def test_a_longer_palette_begins_with_the_shorter_one_and_repeats_nothing() -> None:
    longest = palette(60)
    assert len(set(longest)) == 60
    assert all(palette(n) == longest[:n] for n in (1, 7, 8, 30))
    assert all(len(set(colour)) > 1 for colour in longest), "a grey could be taken for an id"


def distance(colour: tuple, others: tuple) -> float:
    """The smallest one, to anyone's eyes."""
    return min(
        min(np.linalg.norm(one - other) for one, other in zip(as_seen(np.array([colour]))[:, 0], seen, strict=True))
        for seen in (as_seen(np.array([other]))[:, 0] for other in others)
    )


def test_no_class_is_nearer_to_a_kind_of_error_than_two_colors_made_for_color_blind_people() -> None:
    kinds = tuple(color for _, color, _ in KINDS.values())
    assert set(kinds) < set(ERROR_COLORS.values())
    near = min(distance(color, OKABE_ITO[:k]) for k, color in enumerate(OKABE_ITO) if k)
    for color in palette(18):
        assert distance(color, kinds) >= near - 1e-9


def test_each_further_colour_is_farther_from_all_before_than_random_ones() -> None:
    first = (*palette(9)[:8], *ERROR_COLORS.values())
    drawn = np.random.default_rng(0).choice([0, 28, 57, 85, 113, 142, 170, 198, 227, 255], (60, 3))
    rivals = [
        tuple(colour)
        for colour in drawn.tolist()
        if len(set(colour)) > 1 and as_seen(np.array([colour]))[0, 0, 0] > DARKEST
    ]
    assert distance(palette(9)[8], first) >= max(distance(rival, first) for rival in rivals)
