"""Every function on maps, on the input that breaks such functions."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from hardpix.pixels import (
    PixelBatch,
    border_band,
    cross_entropy_map,
    distance_to_border,
    kth_smallest,
    valid_mask,
    weighted_mean,
)

Batch = tuple[Tensor, Tensor]
generator = torch.Generator().manual_seed(0)


def batch(shape: tuple[int, int, int, int], target: Tensor | None = None, dtype: torch.dtype = torch.float32) -> Batch:
    images, classes, *size = shape
    if target is None:
        target = torch.randint(0, classes, (images, *size), generator=generator)
    return torch.randn(shape, generator=generator).to(dtype), target


AWKWARD = {
    "wide": batch((2, 3, 2, 9)),
    "high": batch((1, 3, 9, 1)),
    "one pixel": batch((1, 3, 1, 1)),
    "one ignored pixel": batch((1, 3, 1, 1), torch.full((1, 1, 1), 255)),
    "all ignored": batch((2, 3, 4, 5), torch.full((2, 4, 5), 255)),
    "one class in the target": batch((2, 3, 4, 5), torch.ones(2, 4, 5, dtype=torch.long)),
    "a single class": batch((2, 1, 4, 5)),
    "float16": batch((2, 3, 4, 5), dtype=torch.float16),
    "bfloat16": batch((2, 3, 4, 5), dtype=torch.bfloat16),
}

FLOAT_MAPS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cross_entropy_map": cross_entropy_map,
    "smoothed": lambda logits, target: cross_entropy_map(logits, target, label_smoothing=0.1),
    "loss": lambda logits, target: PixelBatch(logits, target).loss,
    "true_probability": lambda logits, target: PixelBatch(logits, target).true_probability,
}


@pytest.mark.parametrize("function", FLOAT_MAPS.values(), ids=FLOAT_MAPS)
@pytest.mark.parametrize("awkward", AWKWARD.values(), ids=AWKWARD)
def test_maps_are_finite_float32_and_nothing_where_nothing_is_labelled(
    awkward: Batch, function: Callable[[Tensor, Tensor], Tensor]
) -> None:
    logits, target = awkward
    found = function(logits.clone().requires_grad_(), target)
    assert found.shape == target.shape
    assert found.dtype == torch.float32
    assert found.isfinite().all()
    assert (found >= 0).all()
    assert (found[target == 255] == 0).all()


@pytest.mark.parametrize("awkward", AWKWARD.values(), ids=AWKWARD)
def test_confidence_is_that_of_every_pixel_labelled_or_not(awkward: Batch) -> None:
    logits, target = awkward
    found = PixelBatch(logits.clone().requires_grad_(), target).confidence
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, logits.float().softmax(1).amax(1))
    assert torch.equal(found, PixelBatch(logits).confidence)


@pytest.mark.parametrize("awkward", AWKWARD.values(), ids=AWKWARD)
def test_means_and_their_gradients_are_finite(awkward: Batch) -> None:
    logits, target = awkward[0].clone().requires_grad_(), awkward[1]
    valid = valid_mask(target, logits.shape[1])
    mean = weighted_mean(cross_entropy_map(logits, target), valid.float())
    mean.backward()
    assert mean.isfinite()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
    assert logits.grad.dtype == logits.dtype


@pytest.mark.parametrize("awkward", AWKWARD.values(), ids=AWKWARD)
def test_bands_and_order_statistics_keep_their_shape_and_leave_out_the_unlabelled(awkward: Batch) -> None:
    logits, target = awkward
    valid = valid_mask(target, logits.shape[1])
    band = border_band(target, 2)
    distance = distance_to_border(target, 2)
    assert band.shape == distance.shape == valid.shape == target.shape
    assert not (band & ~valid).any()
    assert torch.equal(distance <= 2, band)
    if len(target[valid].unique()) < 2:
        assert not band.any()
    rows = logits.abs().flatten(1)
    found = kth_smallest(rows, torch.ones_like(rows, dtype=torch.bool), torch.ones(len(rows), dtype=torch.long))
    assert torch.equal(found, rows.float().amin(1))
