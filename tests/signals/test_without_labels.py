"""Signals on images without labels: maps of every pixel, or one message that says what is needed."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import hardpix
from hardpix.pixels import PixelBatch
from hardpix.signals import ClassBalance, DepthPrivileged, Focal, HardnessLevel, OnlineHard, Product, Signal, Uniform
from hardpix.testing import tapped

IMAGE = torch.rand(2, 3, 6, 8, generator=torch.Generator().manual_seed(0))


def unlabelled(signal: Signal, **sample: Any) -> PixelBatch:
    network = tapped(4)
    signal.bind(network)
    return network.pixels(IMAGE, progress=0.5, **sample)


def test_every_pixel_counts_and_nothing_is_lost() -> None:
    px = unlabelled(Uniform())
    assert px.valid.all()
    assert px.valid.shape == px.shape == (2, 6, 8)
    torch.testing.assert_close(px.confidence, px.logits.softmax(1).amax(1).detach())
    for ask in (lambda: px.labels, lambda: px.loss, lambda: px.true_probability):
        with pytest.raises(ValueError, match="expected a target, found images without labels"):
            ask()


@pytest.mark.parametrize("kind", ["copy", "light"])
@pytest.mark.parametrize("normalize", ["batch", "image"])
def test_published_hardness_is_that_of_labelled_images(normalize: Any, kind: Any) -> None:
    signal = HardnessLevel(normalize=normalize, kind=kind, form="published")
    px = unlabelled(signal)
    found = px.map(signal).detach()
    expected = torch.sigmoid(signal.scores(px)).detach() + 0.1
    if normalize == "image":
        expected = expected / expected.mean((1, 2), keepdim=True)
    torch.testing.assert_close(found, expected)
    labelled = tapped(4).pixels(IMAGE, torch.zeros(2, 6, 8, dtype=torch.long))
    torch.testing.assert_close(found, labelled.map(signal).detach())


def test_graded_hardness_compares_with_the_mean_of_all_pixels() -> None:
    signal = HardnessLevel(form="graded", share=0.7, cap=1.5)
    px = unlabelled(signal)
    expected = torch.exp(signal.scores(px)).detach()
    torch.testing.assert_close(px.map(signal), 0.3 + 0.7 * (expected / expected.mean()).clamp(max=1.5))
    torch.testing.assert_close(signal.level(px).detach(), expected / (1 + expected))


@pytest.mark.parametrize(
    "signal",
    [OnlineHard(), Focal(), ClassBalance([1, 2, 3, 4]), DepthPrivileged(), Product([Uniform(), Focal()])],
    ids=lambda signal: type(signal).__name__,
)
def test_what_needs_labels_says_so(signal: Signal) -> None:
    px = unlabelled(signal, depth=torch.ones(2, 6, 8))
    message = f"{type(signal).__name__} needs labels, found images without: give their masks, or choose a signal that"
    with pytest.raises(ValueError, match=message):
        px.map(signal)
    assert px.maps == {}


def test_hardness_cannot_learn_without_labels() -> None:
    for form in ("published", "graded"):
        signal = HardnessLevel(form=form)  # type: ignore[arg-type]
        px = unlabelled(signal)
        with pytest.raises(ValueError, match="expected a target, found images without labels"):
            signal.loss(px)


def test_an_image_of_one_channel_may_have_another_resolution_than_its_labels() -> None:
    model = nn.Sequential(nn.Conv2d(1, 6, 1), nn.Conv2d(6, 4, 1))
    px = hardpix.tap(model).pixels(torch.rand(2, 1, 6, 8), torch.zeros(2, 12, 16, dtype=torch.long))
    assert px.shape == (2, 12, 16)
