"""PAR and the switches of the operator against a loop over pixels, and the authors' weights that sum to 1.01."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from hardpix.refiners import PAMR, PAR, LocalAffinity


def by_loops(
    maps: np.ndarray,
    image: np.ndarray,
    dilations: Sequence[int],
    steps: int,
    temperature: float = 0.3,
    power: int = 2,
    center: bool = False,
    position: float = 0.01,
    normalize: bool = True,
) -> Any:
    """One image: maps (C, H, W), image (3, H, W), pixel by pixel from the formula of the paper's code."""
    _, height, width = maps.shape
    around = {}
    for y, x in itertools.product(range(height), range(width)):
        places, samples, lengths = [], [], []
        for d, dy, dx in itertools.product(dilations, (-1, 0, 1), (-1, 0, 1)):
            there = (min(max(y + d * dy, 0), height - 1), min(max(x + d * dx, 0), width - 1))
            if dy or dx:
                places.append(there)
                lengths.append(d * math.hypot(dy, dx))
            if dy or dx or center:
                samples.append(image[:, there[0], there[1]])
        deviation = np.std(samples, axis=0, ddof=1)
        apart = np.abs(np.array([image[:, a, b] for a, b in places]) - image[:, y, x])
        scaled = apart / (1e-8 + temperature * deviation if power == 1 else (deviation + 1e-8) * temperature)
        of_color = -(scaled**power).mean(1)
        of_place = -((np.array(lengths) / (np.std(lengths, ddof=1) + 1e-8) / temperature) ** power)
        shares = [np.exp(score - score.max()) for score in (of_color, of_place)]
        share = shares[0] / shares[0].sum() + position * shares[1] / shares[1].sum()
        around[y, x] = places, share / (1 + position) if normalize else share
    for _ in range(steps):
        new = np.empty_like(maps)
        for (y, x), (places, share) in around.items():
            new[:, y, x] = sum(s * maps[:, a, b] for s, (a, b) in zip(share, places, strict=True))
        maps = new
    return maps


def drawn(shape: tuple[int, int, int, int], seed: int = 0, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Probabilities of that shape and an image of as many pixels."""
    generator = torch.Generator().manual_seed(seed)
    probabilities = torch.randn(shape, generator=generator, dtype=torch.float64).softmax(1)
    image = torch.rand(shape[0], 3, *shape[2:], generator=generator, dtype=torch.float64)
    return probabilities.to(dtype), image.to(dtype)


SWITCHES = [
    {"power": power, "center": center, "position": position, "normalize": normalize}
    for power, center, position, normalize in itertools.product((1, 2), (False, True), (0.0, 0.2), (False, True))
]


@pytest.mark.parametrize("switches", SWITCHES, ids=lambda switches: "-".join(map(str, switches.values())))
def test_every_switch_is_what_a_loop_over_pixels_gives(switches: dict[str, Any]) -> None:
    probabilities, image = drawn((2, 3, 5, 7))
    image[1, :, :3] = image[1, :, :1, :1]  # a flat part
    names = {"position": "position_weight"}
    refine = LocalAffinity((1, 3), 2, 0.4, **{names.get(key, key): value for key, value in switches.items()})
    expected = [
        by_loops(m, i, (1, 3), 2, 0.4, **switches) for m, i in zip(probabilities.numpy(), image.numpy(), strict=True)
    ]
    np.testing.assert_allclose(refine(probabilities, image).numpy(), np.stack(expected), rtol=0, atol=1e-12)


def test_its_defaults_are_the_authors_settings() -> None:
    probabilities, image = drawn((1, 2, 6, 5))
    expected = by_loops(probabilities[0].numpy(), image[0].numpy(), (1, 2, 4, 8, 12, 24), 10)
    np.testing.assert_allclose(PAR()(probabilities, image)[0].numpy(), expected, rtol=0, atol=1e-12)


def test_the_authors_map_grows_to_that_of_their_code_and_the_normalized_one_does_not() -> None:
    constant = torch.full((1, 2, 6, 7), 0.5, dtype=torch.float64)
    _, image = drawn((1, 2, 6, 7))
    grown = PAR(normalize=False)(constant, image)
    torch.testing.assert_close(grown, constant * 1.01**10)
    assert grown[0, 0, 0, 0] == pytest.approx(0.5 * 1.1046, abs=1e-4)
    torch.testing.assert_close(PAR()(constant, image), constant)


def test_weights_by_color_are_those_of_a_flat_image() -> None:
    weights = PAR((1, 5), position_weight=0)(torch.rand(1, 1, 1, 1), torch.rand(1, 3, 1, 1))
    assert weights.isfinite().all()
    flat = PAR((1, 5), position_weight=0).weights(torch.full((2, 3, 4, 6), 7.0))
    torch.testing.assert_close(flat, torch.full((2, 16, 4, 6), 1 / 16))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("shape", [(1, 3, 1, 1), (2, 1, 4, 5), (1, 2, 1, 9), (1, 2, 9, 2)])
def test_every_type_and_shape_is_as_in_float64(shape: tuple[int, int, int, int], dtype: torch.dtype) -> None:
    probabilities, image = drawn(shape, dtype=dtype)
    found = PAR((1, 2))(probabilities, image)
    assert found.dtype == torch.float32
    exact = PAR((1, 2))(probabilities.double(), image.double())
    torch.testing.assert_close(found.double(), exact, rtol=0, atol=1e-4)


@pytest.mark.parametrize("step", [1e-30, 1e-12, 1e-6, 1e6, 1e15])
def test_faint_and_glaring_images_give_probabilities(step: float) -> None:
    probabilities, image = drawn((1, 2, 5, 5), dtype=torch.float32)
    found = PAR((1, 2), temperature=0.001)(probabilities, image * step)
    torch.testing.assert_close(found.sum(1), torch.ones(1, 5, 5))


def test_a_pixel_far_from_all_its_neighbors_still_tells_them_apart() -> None:
    generator = torch.Generator().manual_seed(0)
    image = 100 + torch.rand(1, 3, 9, 9, generator=generator, dtype=torch.float64)
    image[..., 4, 4] = 1e4
    # In float32 the squares of about 1e9 would have lost all that is between them.
    found, exact = (PAR((1, 2)).weights(image.to(dtype))[0, :, 4, 4] for dtype in (torch.float32, torch.float64))
    assert exact.max() - exact.min() > 0.1
    torch.testing.assert_close(found.double(), exact, rtol=0, atol=0.05)


@pytest.mark.parametrize("refine", [PAR((1, 2), 2), PAMR((1,), 2)])
def test_gradients_reach_the_probabilities_and_not_the_image(refine: LocalAffinity) -> None:
    probabilities, image = drawn((1, 2, 3, 4))
    probabilities.requires_grad_()
    image.requires_grad_()
    assert torch.autograd.gradcheck(lambda maps: refine(maps, image), probabilities)
    refine(probabilities, image).square().sum().backward()
    assert image.grad is None


def test_numbers_that_are_none_are_passed_on() -> None:
    probabilities, image = drawn((1, 2, 9, 9))
    image[..., 0, 0] = torch.nan
    found = PAR((1,), 1)(probabilities, image)
    assert found[0, :, 0, 0].isnan().all()
    assert found[..., 2:, 2:].isfinite().all()


@pytest.mark.parametrize("settings", [{"power": 3}, {"position_weight": -1}])
def test_switches_outside_their_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected power 1 or 2"):
        LocalAffinity(**settings)


@pytest.mark.parametrize("refine", [PAR((1, 2), 2), PAMR((1, 2), 2)])
def test_torch_exports_it(refine: LocalAffinity) -> None:
    probabilities, image = drawn((1, 3, 16, 20), dtype=torch.float32)
    exported = torch.export.export(refine, (probabilities, image))
    torch.testing.assert_close(exported.module()(probabilities, image), refine(probabilities, image))
