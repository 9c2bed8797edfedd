"""Soft clDice, against a plain implementation in numpy and scipy, and closed forms on lines."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from hardpix.objectives import SoftClDice
from hardpix.objectives.soft_cl_dice import soft_skeleton
from hardpix.pixels import PixelBatch
from hardpix.testing import check_objective

CROSS = ndimage.generate_binary_structure(2, 1)


def skeleton_by_scipy(image: np.ndarray, iterations: int) -> np.ndarray:
    """Algorithm 1 of the paper, with gray morphology; edges are repeated, which no minimum or maximum notices."""

    def opened(values: np.ndarray) -> np.ndarray:
        eroded = ndimage.grey_erosion(values, footprint=CROSS, mode="nearest")
        return ndimage.grey_dilation(eroded, size=(3, 3), mode="nearest")

    skeleton = np.maximum(image - opened(image), 0)
    for _ in range(iterations):
        image = ndimage.grey_erosion(image, footprint=CROSS, mode="nearest")
        skeleton = skeleton + (1 - skeleton) * np.maximum(image - opened(image), 0)
    return skeleton


def reference(logits: Tensor, target: Tensor, classes: list[int], iterations: int, smooth: float = 1.0) -> float:
    p = logits.double().softmax(1).numpy()
    lost = []
    for number in classes:
        mask = (target.numpy() == number).astype(float)
        if not mask.any():
            continue
        drawn = np.stack([skeleton_by_scipy(image, iterations) for image in p[:, number]])
        true = np.stack([skeleton_by_scipy(image, iterations) for image in mask])
        precision = ((drawn * mask).sum() + smooth) / (drawn.sum() + smooth)
        sensitivity = ((true * p[:, number]).sum() + smooth) / (true.sum() + smooth)
        lost.append(1 - 2 * precision * sensitivity / (precision + sensitivity))
    return float(np.mean(lost)) if lost else 0.0


def random_case(seed: int = 0, size: tuple[int, int, int] = (2, 17, 23)) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(size[0], 4, *size[1:], generator=generator)
    target = torch.randn(size[0], 3, *size[1:], generator=generator)
    return logits, torch.nn.functional.avg_pool2d(target, 5, 1, 2).argmax(1)


@pytest.mark.parametrize("iterations", [0, 1, 3, 8])
@pytest.mark.parametrize("size", [(2, 17, 23), (1, 1, 9), (1, 9, 1), (2, 2, 2), (1, 1, 1)])
def test_it_is_the_formula_of_the_paper(iterations: int, size: tuple[int, int, int]) -> None:
    logits, target = random_case(size=size)
    for classes in ([1], [0, 2], [0, 1, 2, 3]):
        found = SoftClDice(classes, iterations=iterations)(PixelBatch(logits, target))["loss"].item()
        assert found == pytest.approx(reference(logits, target, classes, iterations), rel=1e-5)


def two_rows(first: int, last: int, gap: slice = slice(0)) -> tuple[Tensor, Tensor]:
    """Logits of a line in the middle row from ``first`` to ``last``, but for a gap, where the whole row is true."""
    target = torch.zeros(1, 7, 40, dtype=torch.int64)
    target[0, 3] = 1
    drawn = torch.zeros(1, 7, 40, dtype=torch.bool)
    drawn[0, 3, first:last] = True
    drawn[0, 3, gap] = False
    return torch.stack([torch.where(drawn, -30.0, 30.0), torch.where(drawn, 30.0, -30.0)], 1), target


@pytest.mark.parametrize(("first", "last", "gap"), [(0, 40, slice(0)), (0, 20, slice(0)), (0, 40, slice(10, 14))])
def test_on_a_line_it_is_the_dice_of_the_lengths(first: int, last: int, gap: slice) -> None:
    logits, target = two_rows(first, last, gap)
    length = last - first - len(range(40)[gap])
    expected = 1 - 2 * (length / 40) / (1 + length / 40)
    found = SoftClDice([1], smooth=1e-6)(PixelBatch(logits, target))["loss"].item()
    assert found == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("width", [1, 3, 5, 7])
def test_the_skeleton_of_a_bar_is_its_middle(width: int) -> None:
    bar = torch.zeros(1, 1, 21, 50)
    bar[:, :, 6 : 6 + width] = 1
    found = soft_skeleton(bar, torch.ones(1, 1, 21, 50, dtype=torch.bool), iterations=4)
    expected = torch.zeros_like(bar)
    expected[:, :, 6 + width // 2] = 1
    assert torch.equal(found, expected)


@pytest.mark.parametrize("gap", [slice(20, 21), slice(15, 30), slice(0, 9)])
@pytest.mark.parametrize("filling", [0.0, 0.5, 1.0])
def test_unlabeled_pixels_neither_cut_nor_make_a_skeleton(gap: slice, filling: float) -> None:
    bar = torch.zeros(1, 1, 21, 50)
    bar[:, :, 6:11] = 1
    whole = soft_skeleton(bar, torch.ones(1, 1, 21, 50, dtype=torch.bool), iterations=4)
    valid = torch.ones(1, 1, 21, 50, dtype=torch.bool)
    valid[:, :, :, gap] = False
    assert torch.equal(soft_skeleton(bar.masked_fill(~valid, filling), valid, iterations=4), whole * valid)
    # Nor do whole maps of one value end at pixels without a label.
    flat = torch.ones(1, 1, 21, 50)
    assert not soft_skeleton(flat.masked_fill(~valid, filling), valid, iterations=4).any()


def test_only_labeled_pixels_count_and_they_as_far_as_they_are_trusted() -> None:
    logits, target = random_case()
    unlabeled = torch.zeros(target.shape, dtype=torch.bool)
    unlabeled[:, :, 12:] = True
    left = SoftClDice([0, 1, 2])(PixelBatch(logits[..., :12], target[..., :12]))["loss"]
    found = SoftClDice([0, 1, 2])(PixelBatch(logits, target.masked_fill(unlabeled, 255)))["loss"]
    torch.testing.assert_close(found, left)
    trust = (~unlabeled).float()
    trusted = SoftClDice([1], smooth=1e-9)(PixelBatch(logits, target, sample={"target_weight": trust}))["loss"]
    half = SoftClDice([1], smooth=1e-9)(PixelBatch(logits, target, sample={"target_weight": trust / 2}))["loss"]
    torch.testing.assert_close(half, trusted)


@pytest.mark.parametrize("classes", [None, [0, 1, 2], ["class 1"]])
@pytest.mark.parametrize("iterations", [1, 3])
def test_it_is_an_objective(classes: list | None, iterations: int) -> None:
    check_objective(SoftClDice(classes, iterations=iterations))


def test_no_thin_class_costs_nothing_on_the_graph() -> None:
    px = PixelBatch(torch.zeros(1, 2, 30, 30, requires_grad=True), torch.zeros(1, 30, 30, dtype=torch.int64))
    losses = SoftClDice()(px)
    assert losses["loss"].item() == losses["classes"].item() == 0
    assert losses["loss"].requires_grad


def test_settings_outside_their_range_are_refused() -> None:
    for settings in ({"iterations": -1}, {"smooth": 0.0}):
        with pytest.raises(ValueError, match="iterations ≥ 0 and smooth > 0"):
            SoftClDice(**settings)
