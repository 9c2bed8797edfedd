"""Views of an image: what a network says of each is brought back to where the pixels are."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from hardpix.networks.views import require_views, scaled, views_of


def test_views_are_resized_and_mirrored_and_brought_back() -> None:
    """Logits that are the columns' numbers: a mirrored view numbers them from the right."""
    torch.manual_seed(0)
    image, weight = torch.rand(2, 3, 16, 24), torch.rand(4, 3, 3, 3)

    def predict(seen: torch.Tensor) -> torch.Tensor:
        return F.conv2d(seen, weight, padding=1)

    plain, mirrored, large, large_mirrored = views_of(predict, image, (1.0, 2.0), flip=True, divisor=8)
    torch.testing.assert_close(plain, predict(image))
    torch.testing.assert_close(mirrored, torch.flip(predict(torch.flip(image, [3])), [3]))
    up = F.interpolate(image, scale_factor=2, mode="bilinear")
    torch.testing.assert_close(large, F.interpolate(predict(up), (16, 24), mode="bilinear"))
    back = F.interpolate(predict(up.flip(3)).flip(3), (16, 24), mode="bilinear")
    torch.testing.assert_close(large_mirrored, back)
    assert (mirrored - plain).abs().max() > 0.1


def test_a_network_that_looks_at_single_pixels_says_the_same_mirrored() -> None:
    image = torch.rand(1, 3, 8, 12)
    one, other = views_of(lambda seen: seen[:, :2] - seen[:, 2:], image, (1.0,), flip=True)
    torch.testing.assert_close(one, other)


@pytest.mark.parametrize(("scale", "expected"), [(0.75, (64, 64)), (1.5, (96, 160)), (0.01, (32, 32)), (1.0, (65, 97))])
def test_sizes_are_multiples_of_the_divisor(scale: float, expected: tuple[int, int]) -> None:
    # 0.75 · 65 = 48.75 is nearer to 64 than to 32; 1.5 · 97 = 145.5 is nearer to 160 than to 128.
    assert tuple(scaled(torch.zeros(1, 3, 65, 97), scale).shape[2:]) == expected


@pytest.mark.parametrize("scales", [(), (0.0,), (1.0, 1.0), (-1.0, 1.0)])
def test_scales_that_cannot_be(scales: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="expected one or more scales above 0 that differ"):
        require_views(scales)
