"""Depth maps: from what is stored to meters."""

from math import inf, isfinite, nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from hardpix.data import DataError, DepthFormat, load_preset, read_depth


def by_hand(stored: float, depth_format: DepthFormat) -> float:
    """The meters of one number, with Python's own arithmetic."""
    value = depth_format.scale * stored + depth_format.offset
    if depth_format.baseline is not None and depth_format.focal is not None:
        value = depth_format.baseline * depth_format.focal / value if value else inf
    unknown = stored == depth_format.invalid or not isfinite(stored) or not isfinite(value) or value <= 0
    return nan if unknown else value


STORED = st.one_of(
    arrays(np.uint8, (2, 3)),
    arrays(np.uint16, (2, 3)),
    arrays(
        np.float32, (2, 3), elements=st.integers(-80_000, 80_000).map(lambda v: v / 8) | st.sampled_from([nan, inf])
    ),
)
CAMERA = st.one_of(st.just({}), st.fixed_dictionaries({"baseline": st.floats(0.01, 1), "focal": st.floats(100, 3000)}))


@given(
    STORED,
    st.sampled_from([1.0, 0.001, 0.5, 9.995 / 255]),
    st.sampled_from([0.0, -2.0, 0.25]),
    st.sampled_from([None, 0, 7, 65535, -1]),
    CAMERA,
)
def test_every_number_becomes_what_the_formula_says(
    stored: np.ndarray, scale: float, offset: float, invalid: float | None, camera: dict[str, float]
) -> None:
    depth_format = DepthFormat(scale, offset, invalid, **camera)
    found = depth_format.meters(stored)
    assert found.dtype == np.float32
    expected = [[by_hand(value, depth_format) for value in row] for row in stored.tolist()]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@given(st.floats(2, 400))
def test_disparity_of_cityscapes_tells_how_far_an_object_is(meters: float) -> None:
    """A point at distance Z is seen f · b / Z pixels apart; stored are 256 times as many, and 1, rounded."""
    pixels = 2262.52 * 0.209313 / meters
    stored = np.array([[round(256 * pixels + 1), 0, 1]], np.uint16)
    cityscapes = DepthFormat(scale=1 / 256, offset=-1 / 256, invalid=0, baseline=0.209313, focal=2262.52)
    found = cityscapes.meters(stored)[0]
    assert found[0] == pytest.approx(meters, rel=0.51 / 256 / pixels)
    assert np.isnan(found[1:]).all()


@pytest.mark.parametrize("invalid", [None, 0])
def test_zero_need_not_be_unknown(invalid: int | None) -> None:
    """An offset may say that the nearest of all depths is stored as 0."""
    found = DepthFormat(scale=0.1, offset=2, invalid=invalid).meters(np.array([[0, 10]], np.uint8))
    np.testing.assert_allclose(found, [[2 if invalid is None else nan, 3]], rtol=1e-6)


@given(st.integers(1, 65535), st.integers(1, 15))
def test_rotated_bits_are_rotated_back(millimetres: int, bits: int) -> None:
    digits = f"{millimetres:016b}"
    stored = np.array([[int(digits[bits:] + digits[:bits], 2)]], np.uint16)
    for order in ("<u2", ">u2"):
        found = DepthFormat(scale=0.001, rotated=bits).meters(stored.astype(order))
        assert found[0, 0] == pytest.approx(millimetres / 1000, rel=1e-6)


def test_files_of_all_kinds_hold_the_same_depth(tmp_path: Path) -> None:
    meters = np.array([[0.5, 2.0, 12.5], [nan, 3.0, nan]])
    stored = np.nan_to_num(meters, nan=-0.5)
    Image.fromarray((2 * stored + 1).astype(np.uint8)).save(tmp_path / "eight.png")
    Image.fromarray((1000 * (stored + 0.5)).astype(np.uint16)).save(tmp_path / "sixteen.png")
    Image.fromarray(meters.astype(np.float32)).save(tmp_path / "float.tif")
    np.save(tmp_path / "float.npy", meters)
    np.save(tmp_path / "minus.npy", np.nan_to_num(meters, nan=-9999.9).astype(np.float32))
    for name, depth_format in {
        "eight.png": DepthFormat(scale=0.5, offset=-0.5, invalid=0),
        "sixteen.png": DepthFormat(scale=0.001, offset=-0.5, invalid=0),
        "float.tif": DepthFormat(),
        "float.npy": DepthFormat(),
        "minus.npy": DepthFormat(offset=0, invalid=-9999.9),
    }.items():
        np.testing.assert_allclose(read_depth(tmp_path / name, depth_format), meters, rtol=1e-6, err_msg=name)


def test_the_unknown_of_a_file_of_floats_is_found_in_its_own_precision(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([[9999.9, 2.0]], np.float32))
    assert np.isnan(read_depth(tmp_path / "a.npy", DepthFormat(invalid=9999.9))).tolist() == [[True, False]]


def test_what_is_farther_than_asked_for_is_unknown() -> None:
    found = DepthFormat(farthest=500).meters(np.array([499.0, 500.0, 501.0, 3.4e38]))
    np.testing.assert_array_equal(found, np.array([499, 500, np.nan, np.nan], np.float32))
    # Disparities of 1/256 pixel, 121 km away, and of a whole one.
    near = load_preset("cityscapes").depth_format.meters(np.array([2, 257], np.uint16))
    assert np.isnan(near).tolist() == [True, False]


def test_bits_that_are_not_there_cannot_be_rotated(tmp_path: Path) -> None:
    Image.fromarray(np.ones((2, 3), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a\.png: expected depth as depth_format .*found uint8 where rotated=3 needs"):
        read_depth(tmp_path / "a.png", DepthFormat(rotated=3))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"scale": 0}, "expected scale > 0 .* such as 0.001 for millimeters.*found 0"),
        ({"scale": -1.0}, "expected scale > 0"),
        ({"scale": nan}, "expected scale > 0"),
        ({"scale": inf}, "expected scale > 0"),
        ({"offset": inf}, "a finite offset, found 1.0 and inf"),
        ({"scale": "0.1"}, "expected a number as scale of the depth format, found '0.1'"),
        ({"scale": None}, "expected a number as scale of the depth format, found None"),
        ({"offset": None}, "expected a number as offset"),
        ({"rotated": None}, "expected a number as rotated"),
        ({"invalid": True}, "expected a number as invalid"),
        ({"baseline": 0.2}, "expected baseline .* and focal .* both, .* found baseline 0.2 and focal None"),
        ({"focal": 2000}, "found baseline None and focal 2000"),
        ({"baseline": 0, "focal": 2000}, "expected baseline > 0, found 0"),
        ({"baseline": 0.2, "focal": -1}, "expected focal > 0, found -1"),
        ({"rotated": 16}, "expected rotated in 0…15, .* found 16"),
        ({"rotated": -1}, "expected rotated in 0…15"),
        ({"rotated": 1.5}, "expected rotated in 0…15"),
    ],
)
def test_formats_that_cannot_be(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        DepthFormat(**settings)
