"""Weights within each class, against sums over the pixels of a class."""

import numpy as np
import pytest
import torch

from hardpix.objectives import WeightedCrossEntropy, with_signal_losses
from hardpix.objectives.weighting import weight_map
from hardpix.pixels import PixelBatch
from hardpix.signals import ClassBalance, HardnessLevel, Precomputed, Product, WithinClass
from hardpix.testing import tapped


def street(dtype: torch.dtype = torch.float32) -> PixelBatch:
    """A batch of 2 images, 3 classes of 4, the last of which has weight 0 everywhere, and some unlabeled pixels."""
    draw = torch.Generator().manual_seed(0)
    target = torch.randint(0, 3, (2, 7, 5), generator=draw)
    target[0, :2] = 255
    weight = torch.rand(2, 7, 5, generator=draw)
    weight[target == 2] = 0
    return PixelBatch(torch.randn(2, 4, 7, 5, generator=draw).to(dtype), target, sample={"weight": weight})


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_class_has_as_much_weight_as_pixels_and_ratios_within_it_stay(dtype: torch.dtype) -> None:
    px = street(dtype)
    found = px.map(WithinClass(Precomputed(floor=0.1))).numpy()
    target, given = px.target.numpy(), px.sample["weight"].numpy() + 0.1
    for number in range(3):
        here = target == number
        assert found[here].sum() == pytest.approx(here.sum(), rel=1e-5)
        np.testing.assert_allclose(found[here] / found[here][0], given[here] / given[here][0], rtol=1e-5)
    assert (found[target == 255] == 0).all()


def test_with_class_balance_a_class_has_the_share_that_balance_gives_it() -> None:
    px, balance = street(), ClassBalance([4, 2, 1, 1], power=0.5)
    px.sample["weight"].fill_(1).masked_fill_(px.target == 1, 5)
    product = weight_map(px, Product([WithinClass(Precomputed(floor=0)), balance]))
    torch.testing.assert_close(product, weight_map(px, balance))


def test_weights_of_0_stay_and_no_class_is_missed() -> None:
    px = street()
    found = px.map(WithinClass(Precomputed(floor=0)))
    assert (found[px.target == 2] == 0).all()
    assert found.isfinite().all()


def test_trust_counts_in_the_mean() -> None:
    px = PixelBatch(
        torch.zeros(1, 2, 1, 3),
        torch.tensor([[[0, 0, 0]]]),
        sample={"weight": torch.tensor([[[1.0, 2.0, 6.0]]]), "target_weight": torch.tensor([[[1.0, 0.5, 0.0]]])},
    )
    found = px.map(WithinClass(Precomputed(floor=0)))
    torch.testing.assert_close(found, torch.tensor([[[1.0, 2.0, 6.0]]]) / (2 / 1.5))


def test_an_own_loss_of_the_signal_is_learned() -> None:
    network = tapped()
    objective = WeightedCrossEntropy(WithinClass(HardnessLevel().bind(network)))
    px = network.pixels(torch.rand(2, 3, 16, 24), torch.randint(0, 3, (2, 16, 24)))
    assert "hardness" in with_signal_losses(objective, px)
