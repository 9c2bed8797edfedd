"""Errors of depth and at one depth, against loops and on scenes whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from hardpix.pixels import depth_aware_error, depth_prediction_error, known_depth

NAN = float("nan")


def maps(seed: int, shape: tuple[int, int, int]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Log prediction, depth with holes of every kind, error, labeled; float64."""
    generator = torch.Generator().manual_seed(seed)
    depth = 1 + 4 * torch.rand(shape, generator=generator, dtype=torch.float64)
    holes = torch.rand(shape, generator=generator)
    for low, value in ((0.0, NAN), (0.1, 0.0), (0.15, math.inf), (0.2, -2.0)):
        depth[(holes >= low) & (holes < low + 0.05)] = value
    prediction = torch.randn(shape, generator=generator, dtype=torch.float64)
    error = torch.rand(shape, generator=generator, dtype=torch.float64)
    return prediction, depth, error, torch.rand(shape, generator=generator) < 0.8


def known(value: float) -> bool:
    return math.isfinite(value) and value > 0


def prediction_error_by_loops(prediction: Tensor, depth: Tensor) -> np.ndarray:
    found = np.zeros(depth.shape)
    for b in range(len(depth)):
        residual = {
            (y, x): float(prediction[b, y, x]) - math.log(float(depth[b, y, x]))
            for y in range(depth.shape[1])
            for x in range(depth.shape[2])
            if known(float(depth[b, y, x]))
        }
        for (y, x), r in residual.items():
            found[b, y, x] = abs(r - sorted(residual.values())[(len(residual) - 1) // 2])
    return found


def aware_error_by_loops(
    error: Tensor, depth: Tensor, labelled: Tensor, radius: int, step: int, tolerance: float
) -> np.ndarray:
    found = np.zeros(depth.shape)
    images, height, width = depth.shape
    offsets = [step * k for k in range(-radius, radius + 1)]
    for b in range(images):
        for y in range(height):
            for x in range(width):
                d = float(depth[b, y, x])
                weighted = total = 0.0
                for v, u in ((y + dy, x + dx) for dy in offsets for dx in offsets):
                    if not (known(d) and 0 <= v < height and 0 <= u < width and labelled[b, v, u]):
                        continue
                    other = float(depth[b, v, u])
                    if known(other):
                        kernel = math.exp(-((d - other) ** 2) / (2 * (tolerance * d) ** 2))
                        weighted += kernel * float(error[b, v, u])
                        total += kernel
                found[b, y, x] = weighted / total if total and labelled[b, y, x] else 0.0
    return found


SHAPES = ((2, 5, 7), (1, 1, 6), (1, 1, 1), (1, 9, 2))


@settings(max_examples=40)
@given(seed=st.integers(0, 2**16), shape=st.sampled_from(SHAPES))
def test_prediction_error_is_that_of_loops(seed: int, shape: tuple[int, int, int]) -> None:
    prediction, depth, _, _ = maps(seed, shape)
    found = depth_prediction_error(prediction, depth)
    np.testing.assert_allclose(found.numpy(), prediction_error_by_loops(prediction, depth), atol=1e-12)


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**16),
    shape=st.sampled_from(SHAPES),
    radius=st.integers(0, 3),
    step=st.integers(1, 3),
    tolerance=st.sampled_from([0.05, 0.3, 2.0]),
)
def test_depth_aware_error_is_that_of_loops(
    seed: int, shape: tuple[int, int, int], radius: int, step: int, tolerance: float
) -> None:
    _, depth, error, labelled = maps(seed, shape)
    found = depth_aware_error(error, depth, labelled, radius=radius, step=step, tolerance=tolerance)
    expected = aware_error_by_loops(error, depth, labelled, radius, step, tolerance)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("factor", [2.0, 0.01])
def test_a_prediction_in_another_unit_is_as_good(factor: float) -> None:
    prediction, depth, _, _ = maps(0, (2, 6, 8))
    doubled = depth_prediction_error(prediction + math.log(factor), depth)
    torch.testing.assert_close(doubled, depth_prediction_error(prediction, depth))
    same = depth_prediction_error(prediction, factor * depth)
    torch.testing.assert_close(same, depth_prediction_error(prediction, depth))


def test_a_depth_edge_that_the_prediction_lacks_raises_the_prediction_error_there_alone() -> None:
    """A box 2 m away on a wall 4 m away, of one class; the prediction is a wall everywhere, in another unit."""
    depth = torch.full((1, 8, 12), 4.0)
    depth[0, 2:5, 3:6] = 2.0
    found = depth_prediction_error(torch.full((1, 8, 12), math.log(7.0)), depth)
    expected = torch.where(depth == 2, math.log(2), 0.0)
    torch.testing.assert_close(found, expected)


def test_errors_at_one_depth_do_not_leak_to_a_neighbour_at_another() -> None:
    """A pole 3 m away, all wrong, before a wall 6 m away, all right."""
    depth = torch.full((1, 15, 15), 6.0)
    depth[0, :, 7] = 3.0
    error = (depth == 3).float()
    found = depth_aware_error(error, depth, torch.ones_like(depth, dtype=torch.bool), radius=3, step=1)
    # κ of the wall seen from the pole is exp(−50), of the pole from the wall exp(−12.5): 7 columns to 1 at the most.
    assert float(found[depth == 3].min()) > 1 - 1e-12
    assert float(found[depth == 6].max()) < 1e-5
    # The same window without regard to depth blurs the pole over 7 columns.
    blind = depth_aware_error(error, depth, torch.ones_like(depth, dtype=torch.bool), radius=3, step=1, tolerance=1e6)
    assert float(blind[0, 7, 6]) == pytest.approx(1 / 7)


def test_unlabelled_pixels_do_not_count_and_have_no_error() -> None:
    error = torch.tensor([[[1.0, 0.25, 0.5]]])
    labelled = torch.tensor([[[True, False, True]]])
    found = depth_aware_error(error, torch.ones(1, 1, 3), labelled, radius=1, step=1)
    torch.testing.assert_close(found, torch.tensor([[[1.0, 0.0, 0.5]]]))


@pytest.mark.parametrize("odd", [1e-38, 1e-22, 1e20, 3.4e38])
def test_depth_of_any_size_is_finite_and_at_its_own_depth_alone(odd: float) -> None:
    """The squares of these are no float32."""
    generator = torch.Generator().manual_seed(0)
    depth, error = torch.full((1, 7, 8), 2.0), torch.rand(1, 7, 8, generator=generator)
    depth[0, 3, 4] = odd
    found = depth_aware_error(error, depth, torch.ones_like(depth, dtype=torch.bool), radius=1, step=1)
    assert found.isfinite().all()
    assert float(found[0, 3, 4]) == pytest.approx(float(error[0, 3, 4]))
    around = [float(error[0, y, x]) for y in (2, 3, 4) for x in (4, 5, 6) if (y, x) != (3, 4)]
    assert float(found[0, 3, 5]) == pytest.approx(np.mean(around))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_types_are_computed_in_float32(dtype: torch.dtype) -> None:
    prediction, depth, error, labelled = (
        values.to(dtype) if values.is_floating_point() else values for values in maps(3, (2, 5, 6))
    )
    wide = [values.float() if values.is_floating_point() else values for values in (prediction, depth, error)]
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(depth_prediction_error(prediction, depth), depth_prediction_error(wide[0], wide[1]))
        assert torch.equal(depth_aware_error(error, depth, labelled), depth_aware_error(wide[2], wide[1], labelled))


@pytest.mark.parametrize("value", [NAN, 0.0, math.inf])
def test_nothing_known_is_nothing(value: float) -> None:
    prediction, _, error, labelled = maps(1, (2, 4, 5))
    depth = torch.full((2, 4, 5), value)
    assert not known_depth(depth).any()
    assert not depth_prediction_error(prediction, depth).any()
    assert not depth_aware_error(error, depth, labelled).any()


def test_nothing_of_them_is_on_the_graph() -> None:
    prediction, depth, error, labelled = maps(2, (1, 4, 5))
    assert not depth_prediction_error(prediction.requires_grad_(), depth).requires_grad
    assert not depth_aware_error(error.requires_grad_(), depth, labelled).requires_grad


def test_shapes_and_settings_that_cannot_be() -> None:
    _, depth, error, labelled = maps(0, (1, 4, 5))
    with pytest.raises(ValueError, match=r"maps of one shape \(B, H, W\), found .*\(1, 4, 5\).*\(1, 1, 4, 5\)"):
        depth_prediction_error(depth, depth[None])
    with pytest.raises(ValueError, match="one shape"):
        depth_aware_error(error[0], depth[0], labelled[0])
    for settings_ in ({"radius": -1}, {"radius": 1.5}, {"step": 0}, {"tolerance": 0.0}, {"tolerance": NAN}):
        with pytest.raises(ValueError, match="expected whole numbers radius ≥ 0 and step ≥ 1 and a tolerance > 0"):
            depth_aware_error(error, depth, labelled, **settings_)
