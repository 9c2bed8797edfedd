"""Bilinear resize, against the formula written out in numpy."""

import numpy as np
import pytest
import torch

from hardpix.pixels import resize_bilinear


def matrix(source: int, target: int) -> np.ndarray:
    """(target, source) weights of linear interpolation with aligned pixel centers and clamped ends."""
    position = np.clip((np.arange(target) + 0.5) * source / target - 0.5, 0, source - 1)
    left = np.floor(position).astype(int)
    right = np.minimum(left + 1, source - 1)
    weights = np.zeros((target, source))
    weights[np.arange(target), left] += 1 - (position - left)
    weights[np.arange(target), right] += position - left
    return weights


@pytest.mark.parametrize(
    ("source", "target"), [((3, 5), (6, 10)), ((4, 7), (9, 3)), ((1, 1), (2, 3)), ((2, 3), (1, 1))]
)
def test_is_linear_in_rows_and_columns(source: tuple[int, int], target: tuple[int, int]) -> None:
    maps = np.random.default_rng(0).standard_normal((2, 3, *source))
    expected = matrix(source[0], target[0]) @ maps @ matrix(source[1], target[1]).T
    np.testing.assert_allclose(resize_bilinear(torch.from_numpy(maps), target), expected, atol=1e-12)


def test_a_map_that_fits_is_handed_through() -> None:
    maps = torch.rand(1, 2, 3, 4)
    assert resize_bilinear(maps, (3, 4)) is maps


def test_gradcheck() -> None:
    maps = torch.rand(1, 1, 2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: resize_bilinear(x, (5, 4)), maps)
