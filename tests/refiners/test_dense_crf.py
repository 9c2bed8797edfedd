"""Dense CRF against mean field over all pairs in float64, and its lattice against exact sums."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from hardpix.pixels import DatasetInfo
from hardpix.refiners import DenseCRF
from hardpix.refiners.kernels import ExactKernel, PositionKernel
from hardpix.refiners.lattice import Lattice

CONSTANTS = {
    "steps": 4,
    "position_weight": 2.0,
    "position_scale": 1.5,
    "color_weight": 3.0,
    "color_reach": 4.0,
    "color_scale": 30.0,
}


def by_all_pairs(
    maps: np.ndarray,
    image: np.ndarray,
    how: str = "symmetric",
    compatibility: np.ndarray | None = None,
    steps: int = 10,
    position_weight: float = 3,
    position_scale: float = 1,
    color_weight: float = 4,
    color_reach: float = 67,
    color_scale: float = 3,
) -> np.ndarray:
    """One image: maps (C, H, W), colors (3, H, W) of 0 to 255; N×N matrices, written out from the formula."""
    classes, height, width = maps.shape
    number = height * width
    kernels = [np.zeros((number, number)), np.zeros((number, number))]
    for i in range(number):
        for j in range(number):
            (a, b), (c, d) = divmod(i, width), divmod(j, width)
            apart = (a - c) ** 2 + (b - d) ** 2
            color = float(((image[:, a, b] - image[:, c, d]) ** 2).sum())
            kernels[0][i, j] = math.exp(-apart / position_scale**2 / 2)
            kernels[1][i, j] = math.exp(-apart / color_reach**2 / 2 - color / color_scale**2 / 2)
    total = np.zeros((number, number))
    for weight, kernel in zip((position_weight, color_weight), kernels, strict=True):
        rows = kernel.sum(1)
        scaled = {
            "symmetric": kernel / np.sqrt(rows)[:, None] / np.sqrt(rows),
            "before": kernel / rows,
            "after": kernel / rows[:, None],
            "none": kernel,
        }[how]
        total += weight * scaled
    log_p = np.log(np.clip(maps, 1e-5, 1)).reshape(classes, number).T
    shares = np.exp(log_p) / np.exp(log_p).sum(1, keepdims=True)
    for _ in range(steps):
        message = total @ shares
        if compatibility is not None:
            message = message @ compatibility.T
        score = log_p + message
        shares = np.exp(score - score.max(1, keepdims=True))
        shares /= shares.sum(1, keepdims=True)
    return shares.T.reshape(maps.shape)


def drawn(size: tuple[int, int], classes: int = 3, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Probabilities in float64, and an image of two noisy halves in bytes."""
    generator = torch.Generator().manual_seed(seed)
    maps = torch.randn(1, classes, *size, generator=generator, dtype=torch.float64).softmax(1)
    image = torch.randint(0, 60, (1, 3, *size), generator=generator, dtype=torch.uint8)
    image[..., size[1] // 2 :] += 120
    return maps, image


@pytest.mark.parametrize("how", ["symmetric", "before", "after", "none"])
def test_the_exact_kernel_is_mean_field_over_all_pairs(how: Any) -> None:
    maps, image = drawn((5, 7))
    constants: dict[str, Any] = CONSTANTS
    found = DenseCRF(**constants, normalization=how, kernel="exact")(maps, image)[0].numpy()
    expected = by_all_pairs(maps[0].numpy(), image[0].double().numpy(), how, **constants)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("how", ["symmetric", "before", "after"])
def test_the_lattice_is_near_it(how: Any) -> None:
    maps, image = drawn((16, 20))
    constants: dict[str, Any] = {**CONSTANTS, "steps": 5}
    exact, near = (
        DenseCRF(**constants, normalization=how, kernel=kernel)(maps, image) for kernel in ("exact", "lattice")
    )
    assert (exact - maps).abs().mean() > 0.1
    assert (near - exact).abs().mean() < 0.02
    assert (near.argmax(1) == exact.argmax(1)).double().mean() > 0.97


def test_its_defaults_are_deeplabs() -> None:
    maps, image = drawn((4, 5))
    expected = by_all_pairs(maps[0].numpy(), image[0].double().numpy())
    np.testing.assert_allclose(DenseCRF(kernel="exact")(maps, image)[0].numpy(), expected, rtol=0, atol=1e-10)


def test_learned_compatibilities_are_those_of_the_formula_and_begin_as_potts() -> None:
    maps, image = drawn((4, 5))
    constants: dict[str, Any] = CONSTANTS
    crf = DenseCRF(**constants, kernel="exact", num_classes=3).double()
    torch.testing.assert_close(crf(maps, image), DenseCRF(**constants, kernel="exact")(maps, image))
    own = torch.tensor([[1.0, -0.5, 0.2], [0.0, 0.7, 0.1], [0.3, 0.0, 1.2]])
    with torch.no_grad():
        crf.compatibility.copy_(own)  # type: ignore[union-attr]
    expected = by_all_pairs(maps[0].numpy(), image[0].double().numpy(), compatibility=own.numpy(), **constants)
    np.testing.assert_allclose(crf(maps, image)[0].detach().numpy(), expected, rtol=0, atol=1e-10)
    with pytest.raises(ValueError, match="expected maps of 3 classes"):
        crf(maps[:, :2], image)


@pytest.mark.parametrize("kernel", ["exact", "lattice"])
def test_two_alike_pixels_assure_each_other(kernel: Any) -> None:
    maps = torch.tensor([0.6, 0.4], dtype=torch.float64)[None, :, None, None].expand(1, 2, 1, 2)
    image = torch.zeros(1, 3, 1, 2, dtype=torch.uint8)
    settings: dict[str, Any] = {"position_weight": 0, "color_weight": 1, "color_reach": 1e6, "kernel": kernel}
    q = 0.6
    for steps, known in enumerate((0.646906, 0.668027, 0.677328), start=1):
        q = 1 / (1 + math.exp(-(math.log(0.6 / 0.4) + 2 * q - 1)))
        assert q == pytest.approx(known, abs=1e-6)
        found = DenseCRF(steps, **settings)(maps, image)
        torch.testing.assert_close(found[0, 0], torch.full((1, 2), q, dtype=torch.float64), rtol=0, atol=1e-6)


def test_without_weights_and_without_an_opinion_nothing_changes() -> None:
    maps, image = drawn((6, 7))
    torch.testing.assert_close(DenseCRF(3, position_weight=0, color_weight=0)(maps, image), maps)
    torch.testing.assert_close(DenseCRF(0)(maps, image), maps)
    even = torch.full((1, 4, 6, 7), 0.25)
    torch.testing.assert_close(DenseCRF()(even, image), even)


def test_a_flat_image_leaves_the_kernel_of_positions() -> None:
    maps, _ = drawn((6, 7))
    flat = torch.full((1, 3, 6, 7), 90, dtype=torch.uint8)
    by_color = DenseCRF(2, position_weight=0, color_weight=2, color_reach=1.5, kernel="exact")(maps, flat)
    by_position = DenseCRF(2, position_weight=2, color_weight=0, position_scale=1.5)(maps, flat)
    torch.testing.assert_close(by_color, by_position)


def test_classes_in_another_order_come_out_so() -> None:
    maps, image = drawn((6, 7), classes=4)
    order = [2, 0, 3, 1]
    torch.testing.assert_close(DenseCRF()(maps[:, order], image), DenseCRF()(maps, image)[:, order])


def test_position_sums_are_those_of_loops() -> None:
    values = torch.rand(2, 5 * 8, dtype=torch.float64)
    found = PositionKernel((5, 8), 2.0).filter(values)
    places = torch.tensor([divmod(k, 8) for k in range(40)]).double()
    torch.testing.assert_close(found, values @ (-torch.cdist(places, places).square() / 8).exp())


@pytest.mark.parametrize(("dimensions", "error"), [(1, 0.02), (2, 0.03), (5, 0.06)])
def test_means_on_the_lattice_are_near_exact_ones(dimensions: int, error: float) -> None:
    generator = torch.Generator().manual_seed(0)
    features = 4 * torch.rand(600, dimensions, generator=generator, dtype=torch.float64)
    values = torch.rand(2, 600, generator=generator, dtype=torch.float64)
    ones = torch.ones(1, 600, dtype=torch.float64)
    lattice, exact = Lattice(features), ExactKernel(features)
    means = [kernel.filter(values) / kernel.filter(ones) for kernel in (lattice, exact)]
    assert (means[0] - means[1]).norm() < error * means[1].norm()
    assert lattice.weights.min() >= -1e-12
    torch.testing.assert_close(lattice.weights.sum(1), ones[0])


def test_points_far_from_each_other_are_as_any_others() -> None:
    features = torch.randn(30, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) / 2
    far = torch.cat([features, features + 1e7])
    alike = Lattice(far).filter(torch.eye(60, dtype=torch.float64))
    assert alike[:30, 30:].eq(0).all()
    assert alike[30:, :30].eq(0).all()
    torch.testing.assert_close(alike[:30, :30], Lattice(features).filter(torch.eye(30, dtype=torch.float64)))


def test_corners_lie_on_the_lattice_around_their_point() -> None:
    from hardpix.refiners.lattice import _corners, _elevated

    elevated = _elevated(3 * torch.randn(50, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)))
    torch.testing.assert_close(elevated.sum(1), torch.zeros(50, dtype=torch.float64))
    keys, weights = _corners(elevated)
    corners = keys.view(50, 4, 3)
    corners = torch.cat([corners, -corners.sum(2, keepdim=True)], 2)
    # Corners of one class have coordinates that are equal modulo d + 1, and their mean by weights is the point.
    assert ((corners - corners[..., :1]) % 4 == 0).all()
    torch.testing.assert_close((corners * weights[..., None]).sum(1), elevated)


def test_the_numbers_of_black_and_white_are_known_or_asked_for() -> None:
    maps, image = drawn((5, 6))
    expected = DenseCRF()(maps, image)
    unit = image.double() / 255
    torch.testing.assert_close(DenseCRF()(maps, unit), expected)
    torch.testing.assert_close(DenseCRF(color_range=255)(maps, image.double()), expected)
    std = (0.229, 0.224, 0.225)
    normalized = (unit - 0.4) / torch.tensor(std, dtype=torch.float64)[:, None, None]
    crf = DenseCRF()
    crf.prepare(DatasetInfo(("a", "b", "c"), lambda: [1, 1, 1], image_std=std))
    torch.testing.assert_close(crf(maps, normalized), expected)
    torch.testing.assert_close(crf(maps, image), expected)
    with pytest.raises(ValueError, match=r"found floats from -1\.7.*: say how far black and white are apart"):
        DenseCRF()(maps, normalized)
    image = unit.clone()
    image[..., 0, 0] = torch.nan
    with pytest.raises(ValueError, match="expected finite features"):
        DenseCRF()(maps, image)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 2), (7, 8)])
@pytest.mark.parametrize("classes", [1, 3])
def test_every_type_and_shape_gives_probabilities(dtype: torch.dtype, size: tuple[int, int], classes: int) -> None:
    maps, image = drawn(size, classes)
    found = DenseCRF(steps=3)(maps.to(dtype), (image / 255).to(dtype))
    assert found.dtype == torch.float32
    assert found.shape == maps.shape
    torch.testing.assert_close(found.sum(1), torch.ones(1, *size))


@pytest.mark.parametrize("kernel", ["exact", "lattice"])
def test_gradients_reach_probabilities_and_parameters(kernel: Any) -> None:
    maps, image = drawn((3, 4), 2)
    constants: dict[str, Any] = {**CONSTANTS, "steps": 2}
    crf = DenseCRF(**constants, kernel=kernel, num_classes=2).double()
    assert torch.autograd.gradcheck(lambda given: crf(given, image), maps.requires_grad_())
    crf(maps, image).square().sum().backward()
    for parameter in crf.parameters():
        assert parameter.grad is not None
        assert parameter.grad.abs().max() > 0


def test_numbers_that_are_none_stay_none() -> None:
    maps, image = drawn((4, 5))
    maps[0, 0, 0, 0] = torch.nan
    assert DenseCRF()(maps, image).isnan().any()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": -1}, "expected steps ≥ 0"),
        ({"color_scale": 0}, "scales and color_range > 0"),
        ({"color_range": 0}, "scales and color_range > 0"),
        ({"normalization": "both"}, "expected normalization among"),
        ({"kernel": "grid"}, "kernel lattice or exact"),
    ],
)
def test_settings_outside_their_range_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DenseCRF(**settings)
