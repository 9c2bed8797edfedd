"""Box filters by running sums, against a loop over windows and against torch's own pooling."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hardpix.pixels import box_mean, box_sum, window_sizes

SIZES = [(7, 5), (1, 1), (1, 9), (9, 1), (4, 4)]


def windows(values: Tensor, radius: int) -> list[Tensor]:
    """The window of every pixel of (H, W), cut off at the border."""
    height, width = values.shape
    return [
        values[max(0, y - radius) : y + radius + 1, max(0, x - radius) : x + radius + 1]
        for y in range(height)
        for x in range(width)
    ]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("radius", [0, 1, 2, 20])
def test_sums_are_those_of_a_loop_and_count_only_pixels_of_the_image(size: tuple[int, int], radius: int) -> None:
    generator = torch.Generator().manual_seed(0)
    whole = torch.randint(-9, 9, (2, 3, *size), generator=generator)
    for values, kind in ((whole, torch.int64), (whole.int(), torch.int64), (whole / 7, torch.float64)):
        found = box_sum(values, radius)
        assert found.dtype == kind
        expected = [
            torch.stack([part.double().sum() for part in windows(each, radius)]) for each in values.view(6, *size)
        ]
        torch.testing.assert_close(found.double(), torch.stack(expected).view(2, 3, *size), rtol=1e-9, atol=1e-9)
    sizes = torch.tensor([part.numel() for part in windows(torch.zeros(size), radius)]).view(size)
    assert torch.equal(window_sizes(*size, radius), sizes)
    assert torch.equal(box_sum(torch.ones(size, dtype=torch.bool), radius).long(), sizes)


@pytest.mark.parametrize("radius", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_means_are_those_of_pooling_that_counts_no_padding(radius: int, dtype: torch.dtype) -> None:
    values = torch.rand(2, 3, 11, 17, generator=torch.Generator().manual_seed(1)).to(dtype)
    expected = F.avg_pool2d(values.float(), 2 * radius + 1, 1, radius, count_include_pad=False)
    found = box_mean(values, radius)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_what_lies_outside_counts_nothing_whatever_it_holds() -> None:
    content = torch.rand(5, 6, generator=torch.Generator().manual_seed(2))
    padded = F.pad(content, (0, 3, 0, 2), value=torch.nan)
    inside = F.pad(torch.ones(5, 6, dtype=torch.bool), (0, 3, 0, 2))
    found = box_mean(padded, 2, inside)
    torch.testing.assert_close(found[:5, :6], box_mean(content, 2))
    assert box_mean(padded, 1, torch.zeros_like(inside)).abs().max() == 0


def test_large_images_lose_no_digits() -> None:
    # In float32 the running sum of 4 million numbers keeps two digits behind the point.
    values = torch.full((2000, 2000), 0.1)
    values[-1, -1] = 0.7
    assert box_mean(values, 1)[-1, -1].item() == pytest.approx((0.7 + 3 * 0.1) / 4, abs=1e-6)


def test_a_window_of_negative_radius_is_refused() -> None:
    with pytest.raises(ValueError, match="radius ≥ 0, found -1"):
        box_sum(torch.zeros(2, 2), -1)
