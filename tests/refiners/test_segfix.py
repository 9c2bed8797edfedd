"""SegFix: targets by brute force, and labels that move by whole pixels alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hardpix.pixels.directions import STEPS, border_directions
from hardpix.refiners import SegFix
from hardpix.refiners.segfix import moved, step_offsets


def by_loops(target: np.ndarray, width: int, radius: int, reach: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Band, angle in degrees and length of the rise of one (H, W) target, pixel by pixel."""
    height, columns = target.shape
    places = [(y, x) for y in range(height) for x in range(columns)]

    def depth(k: int, y: int, x: int) -> float:
        y, x = min(max(y, 0), height - 1), min(max(x, 0), columns - 1)
        others = [math.hypot(y - a, x - b) for a, b in places if target[a, b] not in (k, 255)]
        return min([*others, reach])

    band, angle, length = (np.full(target.shape, 255.0) for _ in range(3))
    for y, x in places:
        k = target[y, x]
        if k == 255:
            continue
        band[y, x] = depth(k, y, x) <= width
        rise = np.zeros(2)
        for dy in range(-radius, radius + 1):
            for dx in range(-radius, radius + 1):
                if dy or dx:
                    rise += depth(k, y + dy, x + dx) * np.array([dy, dx]) / (dy**2 + dx**2)
        angle[y, x], length[y, x] = math.degrees(math.atan2(*rise)), np.abs(rise).max()
    return band, angle, length


@pytest.mark.parametrize("radius", [1, 2])
def test_targets_are_those_of_loops(radius: int) -> None:
    rng = np.random.default_rng(0)
    target = np.kron(rng.integers(0, 3, (3, 4)), np.ones((4, 3), dtype=int))
    target[2:5, 4:6] = 255
    band, direction = border_directions(torch.from_numpy(target)[None], width=2, radius=radius)
    known_band, angle, length = by_loops(target, 2, radius, 4 + 2 * radius)
    np.testing.assert_array_equal(band[0], known_band)
    found = direction[0].numpy()
    np.testing.assert_array_equal(found == 255, (target == 255) | (length < 1e-4))
    for y, x in np.argwhere(found != 255):
        row, column = STEPS[found[y, x]]
        turned = (angle[y, x] - math.degrees(math.atan2(row, column)) + 180) % 360 - 180
        assert abs(turned) <= 22.5 + 1e-3


def test_two_halves_point_away_from_each_other_and_their_bands_are_five_wide() -> None:
    target = torch.zeros(1, 12, 30, dtype=torch.long)
    target[..., 15:] = 1
    band, direction = border_directions(target)
    assert band[0].eq(torch.tensor([0] * 10 + [1] * 10 + [0] * 10)).all()
    # Next to the frame, too.
    assert direction[0, :, 10:15].eq(STEPS.index((0, -1))).all()
    assert direction[0, :, 15:20].eq(STEPS.index((0, 1))).all()


def test_small_classes_have_directions_and_unlabeled_pixels_make_no_border() -> None:
    target = torch.zeros(1, 20, 20, dtype=torch.long)
    target[0, 8:12, 8:12] = 1
    band, direction = border_directions(target, width=3)
    assert band[0, 8:12, 8:12].all()
    assert direction[0, 8, 8] == STEPS.index((1, 1))
    assert direction[0, 11, 11] == STEPS.index((-1, -1))
    target[target == 1] = 255
    band, direction = border_directions(target, width=3)
    assert band[target == 0].eq(0).all()
    assert direction.eq(255).all()
    assert band[target == 255].eq(255).all()


class Known(nn.Module):
    """Logits that are sure of a target's band and directions."""

    def __init__(self, target: Tensor) -> None:
        super().__init__()
        self.band, self.direction = border_directions(target)

    def forward(self, image: Tensor) -> Tensor:
        logits = image.new_zeros(len(image), 10, *image.shape[2:])
        logits[:, 1] = torch.where(self.band == 1, 9.0, -9.0)
        for k in range(8):
            logits[:, 2 + k] = torch.where(self.direction == k, 9.0, 0.0)
        return logits


@pytest.mark.parametrize("shift", [-1, 1])
def test_an_edge_that_is_one_pixel_off_is_restored(shift: int) -> None:
    truth = torch.zeros(1, 9, 30, dtype=torch.long)
    truth[..., 15:] = 1
    wrong = torch.zeros(1, 9, 30, dtype=torch.long)
    wrong[..., 15 + shift :] = 1
    maps = nn.functional.one_hot(wrong, 2).movedim(-1, 1).float()
    found = SegFix(Known(truth))(maps, torch.zeros(1, 3, 9, 30))
    assert found.argmax(1).equal(truth)


def test_labels_move_as_in_a_loop_and_no_class_appears_between_two() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = 10 * torch.randint(0, 2, (2, 1, 7, 9), generator=generator)
    offsets = torch.randint(-3, 4, (2, 2, 7, 9), generator=generator)
    found = moved(labels, offsets)
    for b in range(2):
        for y in range(7):
            for x in range(9):
                dy, dx = offsets[b, :, y, x].tolist()
                assert found[b, 0, y, x] == labels[b, 0, min(max(y + dy, 0), 6), min(max(x + dx, 0), 8)]
    assert moved(labels, torch.zeros_like(offsets)).equal(labels)
    assert set(found.unique().tolist()) <= {0, 10}


def test_only_sure_borders_move() -> None:
    maps = torch.rand(1, 3, 4, 5)
    # A logit of 0.6 is above one half, and its probability below.
    logits = torch.zeros(1, 10, 4, 5)
    logits[:, 0], logits[:, 1], logits[:, 2] = 1.0, 0.6, 5.0

    class Fixed(nn.Module):
        def forward(self, image: Tensor) -> Tensor:
            return logits

    image = torch.zeros(1, 3, 4, 5)
    assert SegFix(Fixed())(maps, image).equal(maps)
    assert not SegFix(Fixed(), threshold=0.3)(maps, image).equal(maps)
    assert step_offsets(torch.full((1, 1, 2), 255), torch.ones(1, 1, 2, dtype=torch.bool), 2).eq(0).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("size", [(1, 1), (1, 6), (5, 2)])
def test_every_type_and_shape(dtype: torch.dtype, size: tuple[int, int]) -> None:
    target = torch.zeros(1, *size, dtype=torch.long)
    target[..., -1] = 1
    maps = torch.rand(1, 2, *size).softmax(1).to(dtype)
    found = SegFix(Known(target))(maps, torch.zeros(1, 3, *size))
    assert found.dtype == torch.float32
    assert found.shape == maps.shape
    torch.testing.assert_close(found.sum(1), torch.ones(1, *size), rtol=0, atol=1e-2)


def test_gradients_reach_the_probabilities() -> None:
    target = torch.tensor([[[0, 0, 1, 1]] * 3])
    maps = torch.rand(1, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    refine = SegFix(Known(target))
    assert torch.autograd.gradcheck(lambda given: refine(given, torch.zeros(1, 3, 3, 4)), maps)


def test_another_network_and_other_settings_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected logits \(B, 10, h, w\) of Identity"):
        SegFix(nn.Identity())(torch.rand(1, 2, 3, 4), torch.rand(1, 3, 3, 4))
    with pytest.raises(ValueError, match="expected scale ≥ 0"):
        SegFix(nn.Identity(), threshold=2)
    with pytest.raises(ValueError, match="expected width and radius"):
        border_directions(torch.zeros(1, 2, 2, dtype=torch.long), width=0)
