"""Entropy, margin and region impurity against scipy and loops over windows, RIPU's numbers, faults of its code."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.stats import entropy
from torch import Tensor

from hardpix.pixels import PixelBatch
from hardpix.signals import Entropy, Margin, Product, RegionImpurity, Signal, WindowMean


def drawn(size: tuple[int, int, int, int] = (2, 5, 9, 7), seed: int = 0) -> Tensor:
    return 3 * torch.randn(size, generator=torch.Generator().manual_seed(seed))


def of_classes(classes: Tensor, count: int) -> Tensor:
    """Logits of a network that predicts these classes (H, W)."""
    return F.one_hot(classes, count).permute(2, 0, 1)[None].float()


def window(values: np.ndarray, row: int, column: int, radius: int) -> np.ndarray:
    return values[..., max(0, row - radius) : row + radius + 1, max(0, column - radius) : column + radius + 1]


def impurity_by_loop(logits: Tensor, radius: int) -> np.ndarray:
    predicted, classes = logits.argmax(1).numpy(), logits.shape[1]
    found = np.zeros(predicted.shape)
    for place in np.ndindex(predicted.shape):
        counts = np.bincount(window(predicted[place[0]], *place[1:], radius).ravel(), minlength=classes)
        found[place] = entropy(counts, base=classes)
    return found


def test_entropy_is_that_of_scipy_to_the_base_of_the_classes() -> None:
    logits = drawn()
    expected = entropy(logits.double().softmax(1).numpy(), base=5, axis=1)
    np.testing.assert_allclose(Entropy()(PixelBatch(logits)).numpy(), expected, rtol=1e-5, atol=1e-6)


def test_entropy_ends_at_0_and_1_for_any_number_of_classes() -> None:
    # The authors divide by log 19 whatever the number: 3 classes alike would say 0.373.
    for classes in (2, 3, 19, 150):
        found = Entropy()(PixelBatch(torch.zeros(1, classes, 1, 1)))
        torch.testing.assert_close(found, torch.ones(1, 1, 1))
        sure = F.one_hot(torch.tensor([[0]]), classes).permute(0, 2, 1)[..., None] * 1000.0
        assert Entropy()(PixelBatch(sure)).item() == 0


def test_margin_is_the_distance_of_the_first_from_the_second() -> None:
    logits = drawn()
    best = np.sort(logits.softmax(1).numpy(), axis=1)
    np.testing.assert_allclose(Margin()(PixelBatch(logits)).numpy(), 1 - (best[:, -1] - best[:, -2]), atol=1e-6)


@pytest.mark.parametrize("radius", [1, 2, 12])
def test_impurity_is_the_entropy_of_the_predicted_classes_in_the_window(radius: int) -> None:
    logits = drawn()
    found = RegionImpurity(radius)(PixelBatch(logits)).numpy()
    np.testing.assert_allclose(found, impurity_by_loop(logits, radius), atol=1e-6)


@pytest.mark.parametrize(("shares", "expected"), [((1, 1), 0.235408), ((5, 4), 0.233308), ((1, 1, 1), 0.373113)])
def test_impurities_of_ripu_with_19_classes(shares: tuple[int, ...], expected: float) -> None:
    classes = torch.cat([torch.full((share,), k) for k, share in enumerate(shares)])[None]
    # Every window is the whole row.
    logits = of_classes(classes, 19)
    found = RegionImpurity(classes.shape[1])(PixelBatch(logits))
    # Their logarithm is that of d + 1e-6.
    torch.testing.assert_close(found, torch.full_like(found, expected), rtol=0, atol=2e-6)


def test_a_pure_window_is_exactly_0() -> None:
    # The authors' logarithm of d + 1e-6 makes it −3.4e-7.
    found = RegionImpurity(2)(PixelBatch(of_classes(torch.full((6, 8), 3), 19)))
    assert (found == 0).all()


def ripu(radius: int) -> Product:
    return Product([RegionImpurity(radius), WindowMean(Entropy(), radius)])


def test_the_score_is_impurity_times_the_mean_entropy_of_the_window() -> None:
    logits, radius = drawn(), 2
    of_pixels = entropy(logits.double().softmax(1).numpy(), base=5, axis=1)
    expected = impurity_by_loop(logits, radius)
    for place in np.ndindex(expected.shape):
        expected[place] *= window(of_pixels[place[0]], *place[1:], radius).mean()
    found = PixelBatch(logits).map(ripu(radius))
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)


def test_the_score_of_a_constant_image_or_a_sure_network_is_0_everywhere() -> None:
    constant = torch.tensor([0.3, 0.1, -0.5])[None, :, None, None].expand(1, 3, 6, 7)
    assert PixelBatch(constant).map(ripu(1)).abs().max() == 0
    sure = 1000 * of_classes(torch.arange(42).view(6, 7) % 3, 3)
    assert PixelBatch(sure).map(ripu(1)).abs().max() == 0
    assert RegionImpurity()(PixelBatch(sure)).min() > 0


@pytest.mark.parametrize("make", [lambda: RegionImpurity(2), lambda: WindowMean(Entropy(), 2), lambda: ripu(1)])
def test_padding_counts_nothing(make: object) -> None:
    logits = drawn((1, 4, 6, 7))
    padded = F.pad(logits, (0, 3, 0, 5))
    padded[:, 2, 6:] = padded[:, 3, :, 7:] = 50
    inside = F.pad(torch.ones(1, 6, 7, dtype=torch.bool), (0, 3, 0, 5))
    assert callable(make)
    alone = PixelBatch(logits).map(make())
    together = PixelBatch(padded, sample={"inside": inside}).map(make())[:, :6, :7]
    torch.testing.assert_close(together, alone)
    assert not torch.allclose(PixelBatch(padded).map(make())[:, :6, :7], alone)


@pytest.mark.parametrize("signal", [Entropy(), Margin(), RegionImpurity(), WindowMean(Entropy(), 3)])
def test_labels_and_gradients_make_no_difference(signal: Signal) -> None:
    logits = drawn((1, 3, 4, 5)).requires_grad_()
    found = PixelBatch(logits).map(signal)
    assert not signal.needs_target
    assert not found.requires_grad
    labeled = PixelBatch(logits, torch.full((1, 4, 5), 255)).map(signal)
    assert torch.equal(found, labeled)


def test_means_of_two_signals_have_two_names() -> None:
    both = Product([WindowMean(Entropy(), 1), WindowMean(Margin(), 1)])
    px = PixelBatch(drawn())
    expected = px.map(both.factors[0]) * px.map(both.factors[1])
    torch.testing.assert_close(px.map(both), expected)
    assert {"entropy_mean", "margin_mean"} <= px.maps.keys()


def test_a_window_without_reach_is_refused() -> None:
    for make in (lambda: RegionImpurity(0), lambda: WindowMean(Entropy(), 0)):
        with pytest.raises(ValueError, match="radius ≥ 1, found 0"):
            make()


def test_the_largest_impurity_is_1() -> None:
    logits = of_classes(torch.arange(9).view(3, 3), 9)
    assert RegionImpurity(1)(PixelBatch(logits))[0, 1, 1].item() == pytest.approx(1, abs=1e-6)
    assert math.isclose(RegionImpurity(1)(PixelBatch(logits))[0, 0, 0].item(), math.log(4) / math.log(9), rel_tol=1e-6)
