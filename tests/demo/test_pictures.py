"""Pictures carried in the page, read back by an image library."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from hardpix.data.heat import heat_colors
from hardpix.demo import pictures


def decoded(uri: str, mode: str) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert(mode))


def test_label_picture_gives_back_colours_and_leaves_unlabelled_pixels_transparent() -> None:
    colors = [(1, 2, 3), (40, 50, 60), (255, 0, 255)]
    labels = np.array([[0, 1, 2, 255], [2, 2, 3, -1]])
    picture = decoded(pictures.label_picture(labels, colors), "RGBA")
    for label, pixel in zip(labels.flat, picture.reshape(-1, 4).tolist(), strict=True):
        assert tuple(pixel) == (*colors[label], 255) if 0 <= label < 3 else pixel[3] == 0


def test_heat_picture_clips_to_its_range_and_shows_what_is_not_finite_as_lowest() -> None:
    values = np.array([[-1.0, 0.2, 0.65, 0.8, 9.0, np.nan]])
    picture = decoded(pictures.heat_picture(values, 0.2, 0.8), "RGB")
    colors = heat_colors()
    assert picture[0].tolist() == colors[[0, 0, 191, 255, 255, 0]].tolist()


@pytest.mark.parametrize("shape", [(1, 1, 3), (37, 61, 3)])
def test_photograph_keeps_size_and_nearly_the_colours(shape: tuple[int, ...]) -> None:
    image = np.full(shape, (200, 30, 90), np.uint8)
    back = decoded(pictures.photograph(image), "RGB")
    assert back.shape == shape
    assert np.abs(back.astype(int) - image).max() <= 4


def test_comparison_against_pixel_by_pixel_reasoning() -> None:
    random = np.random.default_rng(0)
    truth, first, second = random.integers(0, 3, (3, 7, 11))
    truth[random.random(truth.shape) < 0.2] = 255
    found = pictures.compare(truth, first, second)
    for t, a, b, kind in zip(truth.flat, first.flat, second.flat, found.flat, strict=True):
        if t == 255 or (t == a and t == b):
            assert kind == pictures.BOTH_RIGHT
        elif t == b:
            assert kind == pictures.ONLY_FIRST_WRONG
        elif t == a:
            assert kind == pictures.ONLY_SECOND_WRONG
        else:
            assert kind == pictures.BOTH_WRONG
    alpha = decoded(pictures.comparison_picture(found), "RGBA")[..., 3]
    assert ((alpha == 0) == (found == pictures.BOTH_RIGHT)).all()


def test_shared_range_spans_all_maps_but_not_their_outliers() -> None:
    maps = [np.linspace(0.2, 0.4, 500), np.append(np.linspace(0.4, 0.6, 500), [np.nan, np.inf, 0.99])]
    low, high = pictures.shared_range(maps)
    assert low == pytest.approx(0.204, abs=1e-3)
    assert high == pytest.approx(0.596, abs=2e-3)
    rare = np.zeros(1000)
    rare[0] = 0.5
    assert pictures.shared_range([rare]) == (0.0, 0.5)
    assert pictures.shared_range([]) == (0.0, 1.0)
