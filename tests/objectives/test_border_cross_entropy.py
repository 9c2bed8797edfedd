"""Cross-entropy beside borders against a loop over neighbors; what the authors' Sobel filter marks wrongly shows."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hardpix.objectives import BorderCrossEntropy
from hardpix.pixels import PixelBatch, border_band
from testing import batch_of


def by_loop(px: PixelBatch, radius: int, trust: Tensor) -> Tensor:
    losses = F.cross_entropy(px.logits, px.labels, ignore_index=255, reduction="none")
    total = weight = torch.zeros(())
    images, height, width = px.shape
    for b in range(images):
        for y in range(height):
            for x in range(width):
                own = px.labels[b, y, x]
                near = px.labels[b, max(0, y - radius) : y + radius + 1, max(0, x - radius) : x + radius + 1]
                if own != 255 and ((near != own) & (near != 255)).any():
                    total, weight = total + trust[b, y, x] * losses[b, y, x], weight + trust[b, y, x]
    return total / weight


@pytest.mark.parametrize("radius", [1, 3])
def test_it_is_the_mean_over_pixels_with_another_class_near(radius: int) -> None:
    generator = torch.Generator().manual_seed(0)
    target = torch.randint(0, 2, (2, 3, 4), generator=generator).repeat_interleave(3, 1).repeat_interleave(2, 2)
    target[torch.rand(target.shape, generator=generator) < 0.2] = 255
    trust = torch.rand(target.shape, generator=generator, dtype=torch.float64)
    logits = torch.randn(2, 3, 9, 8, generator=generator, dtype=torch.float64, requires_grad=True)
    px = batch_of(logits, target, target_weight=trust)
    found, expected = BorderCrossEntropy(radius)(px)["loss"], by_loop(px, radius, trust)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(*(torch.autograd.grad(loss, logits, retain_graph=True)[0] for loss in (found, expected)))


def sobel(target: Tensor, classes: int) -> Tensor:
    """The authors' boundary: one plane a class, zero padding."""
    kernel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]).view(1, 1, 3, 3)
    planes = F.one_hot(target, classes).movedim(-1, 1).float().flatten(0, 1)[:, None]
    x, y = F.conv2d(planes, kernel, padding=1), F.conv2d(planes, kernel.mT, padding=1)
    return ((x**2 + y**2) > 0).view(len(target), classes, *target.shape[1:]).any(1)


def test_an_image_of_one_class_has_no_border_which_zero_padding_gives_it() -> None:
    target = torch.zeros(1, 5, 5, dtype=torch.int64)
    assert sobel(target, 2).sum() == 16
    px = PixelBatch(torch.randn(1, 2, 5, 5, requires_grad=True), target)
    loss = BorderCrossEntropy()(px)["loss"]
    assert loss.item() == 0
    assert loss.requires_grad


def test_a_line_of_one_pixel_is_border_itself_which_the_filter_misses() -> None:
    target = torch.zeros(1, 7, 7, dtype=torch.int64)
    target[..., 3] = 1
    inside = slice(1, -1)
    assert not sobel(target, 2)[0, inside, 3].any()
    assert border_band(target, 1)[0, :, 2:5].all()
    logits = torch.zeros(1, 2, 7, 7)
    logits[0, 0, :, 3] = 9
    # The band has 21 pixels, 7 of them wrong by 9; the filter would see none of these.
    found = BorderCrossEntropy()(PixelBatch(logits, target))["loss"]
    expected = (7 * F.softplus(torch.tensor(9.0)) + 14 * torch.log(torch.tensor(2.0))) / 21
    torch.testing.assert_close(found, expected)


def test_dropped_labels_make_no_border() -> None:
    target = torch.tensor([[[0, 0, 255, 1, 1]]])
    assert BorderCrossEntropy()(PixelBatch(torch.randn(1, 2, 1, 5), target))["loss"] == 0


def test_a_radius_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="expected radius ≥ 1, found 0"):
        BorderCrossEntropy(0)
