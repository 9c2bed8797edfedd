"""PAMR against a loop over pixels, its identities, and inputs that break such functions."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from hardpix.refiners import PAMR


def by_loops(maps: np.ndarray, image: np.ndarray, dilations: Sequence[int], steps: int, temperature: float) -> Any:
    """One image: maps (C, H, W), image (3, H, W), pixel by pixel from the formula."""
    _, height, width = maps.shape
    around = {}
    for y in range(height):
        for x in range(width):
            places, samples = [], []
            for d in dilations:
                for dy in (-d, 0, d):
                    for dx in (-d, 0, d):
                        there = (min(max(y + dy, 0), height - 1), min(max(x + dx, 0), width - 1))
                        samples.append(image[:, there[0], there[1]])
                        if dy or dx:
                            places.append(there)
            deviation = np.std(samples, axis=0, ddof=1)
            distance = [np.abs(image[:, a, b] - image[:, y, x]) / (1e-8 + temperature * deviation) for a, b in places]
            score = np.exp(-np.mean(distance, axis=1) + np.mean(distance, axis=1).min())
            around[y, x] = places, score / score.sum()
    for _ in range(steps):
        new = np.empty_like(maps)
        for (y, x), (places, share) in around.items():
            new[:, y, x] = sum(s * maps[:, a, b] for s, (a, b) in zip(share, places, strict=True))
        maps = new
    return maps


def drawn(shape: tuple[int, int, int, int], seed: int = 0, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Probabilities of that shape and an image of as many pixels."""
    generator = torch.Generator().manual_seed(seed)
    batch, _, height, width = shape
    probabilities = torch.randn(shape, generator=generator, dtype=torch.float64).softmax(1)
    image = torch.rand(batch, 3, height, width, generator=generator, dtype=torch.float64)
    return probabilities.to(dtype), image.to(dtype)


@pytest.mark.parametrize("dilations", [(1,), (2,), (1, 3), (1, 2, 4, 8)])
@pytest.mark.parametrize(("steps", "temperature"), [(0, 0.1), (1, 0.1), (3, 0.5)])
def test_it_is_what_a_loop_over_pixels_gives(dilations: tuple[int, ...], steps: int, temperature: float) -> None:
    probabilities, image = drawn((2, 3, 5, 7))
    image[1, :, :3] = image[1, :, :1, :1]  # a flat part
    found = PAMR(dilations, steps, temperature)(probabilities, image)
    expected = [
        by_loops(m, i, dilations, steps, temperature) for m, i in zip(probabilities.numpy(), image.numpy(), strict=True)
    ]
    np.testing.assert_allclose(found.numpy(), np.stack(expected), rtol=0, atol=1e-12)


def test_its_defaults_are_the_authors_settings() -> None:
    probabilities, image = drawn((1, 2, 6, 5))
    expected = by_loops(probabilities[0].numpy(), image[0].numpy(), (1, 2, 4, 8, 12, 24), 10, 0.1)
    np.testing.assert_allclose(PAMR()(probabilities, image)[0].numpy(), expected, rtol=0, atol=1e-12)


sizes = st.tuples(st.integers(1, 2), st.integers(1, 4), st.integers(1, 9), st.integers(1, 9))


@given(sizes, st.integers(0, 2**31))
def test_probabilities_stay_probabilities_within_their_range(shape: tuple[int, int, int, int], seed: int) -> None:
    probabilities, image = drawn(shape, seed, torch.float32)
    found = PAMR((1, 3), 4)(probabilities, image)
    assert found.shape == shape
    torch.testing.assert_close(found.sum(1), torch.ones(shape[0], *shape[2:]), rtol=0, atol=1e-5)
    low, high = probabilities.amin((2, 3), keepdim=True), probabilities.amax((2, 3), keepdim=True)
    assert (found >= low - 1e-5).all()
    assert (found <= high + 1e-5).all()


@given(sizes, st.integers(0, 2**31))
def test_scale_and_offset_of_a_channel_and_the_order_of_classes_change_nothing(
    shape: tuple[int, int, int, int], seed: int
) -> None:
    probabilities, image = drawn(shape, seed)
    refine = PAMR((1, 2), 3)
    found = refine(probabilities, image)
    scale = torch.tensor([0.2, 1, 30], dtype=torch.float64)[:, None, None]
    torch.testing.assert_close(refine(probabilities, image * scale - 2), found, rtol=0, atol=1e-5)
    order = torch.randperm(shape[1], generator=torch.Generator().manual_seed(seed))
    assert refine(probabilities[:, order], image).equal(found[:, order])


def test_a_constant_map_is_kept() -> None:
    _, image = drawn((1, 1, 6, 7))
    constant = torch.tensor([0.25, 0.75], dtype=torch.float64)[None, :, None, None].expand(1, 2, 6, 7)
    torch.testing.assert_close(PAMR()(constant, image), constant)


@pytest.mark.parametrize("color", [0.0, 0.1, 255.0])
def test_on_a_flat_image_every_neighbor_weighs_the_same(color: float) -> None:
    weights = PAMR((1, 5)).weights(torch.full((2, 3, 4, 6), color))
    torch.testing.assert_close(weights, torch.full((2, 16, 4, 6), 1 / 16))


def test_an_edge_of_the_map_on_an_edge_of_the_image_stays_and_nothing_changes_beyond_its_reach() -> None:
    image = torch.zeros(1, 3, 9, 40)
    image[..., 20:] = 1
    probabilities = image[:, :1].clone()
    steps, dilations = 3, (1, 2)
    found = PAMR(dilations, steps)(probabilities, image)
    change = (found - probabilities).abs()
    reach = steps * max(dilations)
    assert change[..., : 20 - reach].max() == 0
    assert change[..., 20 + reach :].max() == 0
    # A pixel beside the edge has 6 of 16 neighbors across it at each dilation that reaches over.
    assert 0 < change.max() < 0.01
    blurred = PAMR(dilations, steps)(probabilities, torch.zeros_like(image))
    assert (blurred - probabilities).abs().max() > 0.3


def test_a_misplaced_edge_moves_to_that_of_the_image() -> None:
    image = torch.zeros(1, 3, 8, 20)
    image[..., 10:] = 1
    truth = image[:, 0] > 0.5
    probabilities = torch.full((1, 1, 8, 20), 0.1)
    probabilities[..., 12:] = 0.9  # two columns too far right
    assert ((probabilities[:, 0] > 0.5) != truth).sum() == 16
    assert ((PAMR((1, 2, 4))(probabilities, image)[:, 0] > 0.5) == truth).all()


AWKWARD = {"one pixel": (1, 3, 1, 1), "one class": (2, 1, 4, 5), "wide": (1, 2, 1, 9), "high": (1, 2, 9, 2)}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("shape", AWKWARD.values(), ids=AWKWARD)
def test_every_type_and_shape_gives_finite_maps(shape: tuple[int, int, int, int], dtype: torch.dtype) -> None:
    probabilities, image = drawn(shape, dtype=dtype)
    found = PAMR()(probabilities, image)
    assert found.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert found.isfinite().all()
    exact = PAMR()(probabilities.double(), image.double())
    torch.testing.assert_close(found.double(), exact, rtol=0, atol=1e-5)
    if shape[2:] == (1, 1):
        torch.testing.assert_close(found, probabilities.to(found.dtype))


@pytest.mark.parametrize("step", [1e-30, 1e-12, 1e-6, 1e6, 1e15])
def test_faint_and_glaring_images_give_finite_maps(step: float) -> None:
    probabilities, image = drawn((1, 2, 5, 5), dtype=torch.float32)
    found = PAMR((1, 2), temperature=0.001)(probabilities, image * step)
    assert found.isfinite().all()
    torch.testing.assert_close(found.sum(1), torch.ones(1, 5, 5))


def test_one_pixel_that_stands_out_of_a_bright_image_is_told_from_a_flat_one() -> None:
    image = torch.full((1, 3, 5, 5), 1000.0)
    image[..., 2, 2] += 0.01
    probabilities = torch.zeros(1, 1, 5, 5)
    probabilities[..., 2, 2] = 1
    found = PAMR((1,), 1)(probabilities, image)[0, 0]
    # Beside it: s of 8 equal samples and one apart by δ is δ/3, so its distance is δ / (0.1 · δ/3) = 30.
    assert found[1, 1] == pytest.approx(math.exp(-30) / (7 + math.exp(-30)), rel=1e-3)
    assert found[0, 0] == 0


def test_bytes_are_an_image_too() -> None:
    probabilities, _ = drawn((1, 2, 6, 6), dtype=torch.float32)
    image = torch.randint(0, 256, (1, 3, 6, 6), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    assert PAMR()(probabilities, image).equal(PAMR()(probabilities, image.float()))


def test_half_precision_regions_change_nothing() -> None:
    probabilities, image = drawn((1, 2, 6, 6), dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        found = PAMR()(probabilities, image)
    assert found.equal(PAMR()(probabilities, image))


def test_gradients_reach_the_probabilities_and_not_the_image() -> None:
    probabilities, image = drawn((1, 2, 3, 4))
    image[..., :2] = 0.5
    probabilities.requires_grad_()
    image.requires_grad_()
    refine = PAMR((1, 2), 2)
    assert torch.autograd.gradcheck(lambda maps: refine(maps, image), probabilities)
    refine(probabilities, image).square().sum().backward()
    assert probabilities.grad is not None
    assert probabilities.grad.isfinite().all()
    assert image.grad is None


def test_the_input_is_left_as_it_was() -> None:
    probabilities, image = drawn((1, 2, 4, 4))
    before = probabilities.clone(), image.clone()
    PAMR()(probabilities, image)
    assert probabilities.equal(before[0])
    assert image.equal(before[1])


class LargestTensor(TorchDispatchMode):
    """Notes the number of elements of the largest tensor that any operation gives."""

    elements = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        for tensor in found if isinstance(found, (list, tuple)) else [found]:
            if isinstance(tensor, Tensor):
                self.elements = max(self.elements, tensor.numel())
        return found


@pytest.mark.parametrize("learns", [False, True])
def test_no_copy_of_the_map_is_made_for_each_neighbor(learns: bool) -> None:
    probabilities, image = drawn((1, 30, 20, 20), dtype=torch.float32)
    probabilities.requires_grad_(learns)
    with LargestTensor() as seen:
        PAMR((1, 2, 4), 2)(probabilities, image)
    assert seen.elements == 30 * (20 + 8) * (20 + 8)  # the padded map; with its 24 neighbors it would be 12 times that


@pytest.mark.parametrize("learns", [False, True])
def test_the_backward_pass_keeps_the_weights_and_one_map_a_step(learns: bool) -> None:
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    probabilities, image = drawn((1, 50, 12, 12), dtype=torch.float32)
    probabilities.requires_grad_(learns)
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        PAMR((1, 2), 5)(probabilities, image)
    weights, maps = 4 * 16 * 12 * 12, 4 * 50 * 12 * 12
    assert sum(kept.values()) == (weights + 5 * maps if learns else 0)


@pytest.mark.parametrize(
    ("maps", "pixels"),
    [((1, 2, 4, 4), (1, 3, 8, 8)), ((2, 2, 4, 4), (1, 3, 4, 4)), ((1, 4, 4), (1, 3, 4, 4)), ((1, 2, 4, 4), (3, 4, 4))],
)
def test_a_map_that_does_not_lie_on_its_image_is_refused(maps: tuple[int, ...], pixels: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected probabilities \(B, C, H, W\)") as error:
        PAMR(steps=0)(torch.zeros(maps), torch.zeros(pixels))
    assert str(maps) in str(error.value)
    assert str(pixels) in str(error.value)
    assert "resize_bilinear" in str(error.value)


@pytest.mark.parametrize("settings", [{"dilations": ()}, {"dilations": (0,)}, {"steps": -1}, {"temperature": 0}])
def test_settings_outside_their_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected one or more dilations"):
        PAMR(**settings)
