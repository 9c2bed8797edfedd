"""Weights by the size of components, against scipy's components and the formula of the paper."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from hardpix.pixels import PixelBatch
from hardpix.signals import ComponentBalance


def street() -> torch.Tensor:
    """Ground 0 with two signs and a pole of class 1, a car of class 2, and a strip without a label."""
    target = torch.zeros(2, 30, 40, dtype=torch.int64)
    target[:, 3:6, 4:8] = target[:, 26:28, 30:31] = target[:, 4:28, 15] = 1
    target[:, 10:24, 20:34] = 2
    target[1, :, 36:] = 255
    return target


def weights(signal: ComponentBalance, target: torch.Tensor) -> np.ndarray:
    return PixelBatch(torch.zeros(len(target), 3, *target.shape[1:]), target).map(signal).numpy()


def inverse_weights(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """N / (K · n) of the paper, by scipy, and the components by number."""
    pieces, count = np.zeros(labels.shape, dtype=int), 0
    for number in range(3):
        found, more = ndimage.label(labels == number, np.ones((3, 3)))
        pieces[found > 0] = found[found > 0] + count
        count += more
    size = np.bincount(pieces.ravel())[pieces]
    return np.where(pieces > 0, (pieces > 0).sum() / (count * size), 0), pieces


def test_at_power_1_they_are_those_of_the_paper_and_every_component_has_the_same_sum() -> None:
    target = street()
    found = weights(ComponentBalance(power=1, cap=1e6), target)
    for labels, weight in zip(target.numpy(), found, strict=True):
        expected, pieces = inverse_weights(labels)
        np.testing.assert_allclose(weight, expected, rtol=1e-5)
        sums = np.bincount(pieces.ravel(), weight.ravel())[1:]
        np.testing.assert_allclose(sums, sums[0], rtol=1e-5)


@pytest.mark.parametrize("power", [0.0, 0.3, 0.5, 2.0])
def test_ratios_are_powers_of_sizes_and_the_mean_is_1(power: float) -> None:
    target = street()
    found = weights(ComponentBalance(power, cap=1e9), target)
    assert found[0, 4, 5] / found[0, 12, 25] == pytest.approx((12 / 14**2) ** -power, rel=1e-4)
    assert found[0].mean() == pytest.approx(1, rel=1e-5)
    assert found[1][target[1].numpy() != 255].mean() == pytest.approx(1, rel=1e-5)
    assert (found[1][target[1].numpy() == 255] == 0).all()


def test_no_weight_is_beyond_the_cap() -> None:
    free, capped = (weights(ComponentBalance(1.0, cap), street()) for cap in (1e9, 5.0))
    assert free.max() > 5
    np.testing.assert_allclose(capped, np.minimum(free, 5.0))


@pytest.mark.parametrize(("power", "cap"), [(-0.1, 10.0), (1.0, 0.0), (float("nan"), 1.0)])
def test_settings_outside_their_range_are_refused(power: float, cap: float) -> None:
    with pytest.raises(ValueError, match="power ≥ 0 and cap > 0"):
        ComponentBalance(power, cap)
