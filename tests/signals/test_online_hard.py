"""Kept pixels, against sorting."""

import math
from collections.abc import Callable
from decimal import ROUND_CEILING, Decimal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonargparse import ArgumentParser

from hardpix.objectives import WeightedCrossEntropy
from hardpix.pixels import PixelBatch
from hardpix.signals import OnlineHard
from testing import batch_of


def kept_by_sorting(probability: np.ndarray, threshold: float, min_kept: float | int) -> np.ndarray:
    """Labeled pixels that count: below the threshold, or as small as the min_kept-th smallest."""
    number = math.ceil(len(probability) * min_kept) if isinstance(min_kept, float) else min(min_kept, len(probability))
    last = np.sort(probability)[number - 1] if number else -1
    return (probability < np.float32(threshold)) | (probability <= last)


def expected_map(px: PixelBatch, per: str, threshold: float, min_kept: float | int) -> np.ndarray:
    probability, valid = px.true_probability.detach().float().numpy(), px.valid.numpy()
    expected = np.zeros(valid.shape)
    groups = [...] if per == "batch" else range(len(valid))
    for group in groups:
        kept = kept_by_sorting(probability[group][valid[group]], threshold, min_kept)
        expected[group][valid[group]] = kept
    return expected


@settings(max_examples=50)
@given(
    seed=st.integers(0, 2**16),
    per=st.sampled_from(["batch", "image"]),
    threshold=st.sampled_from([0.0, 0.05, 0.5, 0.7, 1.0]),
    min_kept=st.sampled_from([0, 1, 7, 10_000, 0.0, 1 / 16, 0.25, 0.5, 1.0]),
)
def test_kept_pixels_are_those_of_a_full_sort(
    seed: int, per: str, threshold: float, min_kept: float | int, pixel_batch: Callable[..., PixelBatch]
) -> None:
    px = pixel_batch(seed, shape=(3, 4, 5))
    found = OnlineHard(threshold, min_kept, per=per)(px)  # type: ignore[arg-type]
    np.testing.assert_array_equal(found, expected_map(px, per, threshold, min_kept))


def test_pixels_that_tie_with_the_last_kept_are_kept() -> None:
    px = batch_of(torch.zeros(1, 2, 2, 3), torch.zeros(1, 2, 3, dtype=torch.long))
    assert OnlineHard(threshold=0.1, min_kept=1)(px).sum() == 6


def test_no_threshold_and_no_number_keep_nothing_however_wrong() -> None:
    px = batch_of(torch.tensor([-1e4, 1e4]).view(1, 2, 1, 1), torch.zeros(1, 1, 1, dtype=torch.long))
    assert px.true_probability.item() == 0
    assert OnlineHard(threshold=0.0, min_kept=0)(px).sum() == 0


def test_an_image_without_labels_takes_nothing_from_the_others(pixel_batch: Callable[..., PixelBatch]) -> None:
    px = pixel_batch(shape=(2, 4, 5))
    px.target[0] = 255
    for per in ("batch", "image"):
        found = OnlineHard(0.0, 0.5, per=per)(px)  # type: ignore[arg-type]
        assert found[0].sum() == 0
        assert found[1].sum() == math.ceil(px.valid[1].sum().item() / 2)


@pytest.mark.parametrize("share", [Decimal(k) / 100 for k in range(0, 101)] + [Decimal("0.0625"), Decimal("0.0001")])
def test_shares_are_those_of_decimal_numbers(share: Decimal) -> None:
    """0.3 of 50 pixels is 15, and 0.07 of 100 is 7; as binary numbers both are a little more."""
    for count in (1, 7, 20, 50, 100, 1000):
        margins = torch.linspace(-3, 3, count).view(1, 1, 1, count)
        px = batch_of(torch.cat([margins, torch.zeros_like(margins)], 1), torch.zeros(1, 1, count, dtype=torch.long))
        kept = OnlineHard(threshold=0.0, min_kept=float(share))(px)
        assert kept.sum().item() == (share * count).to_integral_value(ROUND_CEILING)


def test_shares_of_numpys_types_are_shares() -> None:
    px = batch_of(torch.randn(1, 2, 5, 10), torch.zeros(1, 5, 10, dtype=torch.long))
    for share in (np.float32(0.5), np.float64(0.5)):
        assert OnlineHard(threshold=0.0, min_kept=share)(px).sum() == 25
    assert OnlineHard(threshold=0.0, min_kept=np.int64(3))(px).sum() == 3


def test_a_share_of_one_keeps_all_of_more_pixels_than_float32_counts() -> None:
    """ceil(n · share) in float32 rounds this n up to a number of pixels that are not there."""
    count = 2**24 + 3
    target = torch.zeros(1, 1, count, dtype=torch.long)
    px = batch_of(torch.zeros(1, 1, 1, count), target)  # a single class: probability 1 everywhere
    assert OnlineHard(threshold=0.7, min_kept=1.0)(px).sum(dtype=torch.float64) == count


@pytest.mark.parametrize(("text", "kept"), [("5", 5), ("1", 1), ("1.0", 40), ("0.25", 10)])
def test_from_a_run_file_whole_numbers_are_numbers_and_others_are_shares(
    text: str, kept: int, pixel_batch: Callable[..., PixelBatch]
) -> None:
    parser = ArgumentParser()
    parser.add_class_arguments(OnlineHard, "signal")
    given = parser.instantiate_classes(parser.parse_args([f"--signal.min_kept={text}", "--signal.threshold=0"]))
    px = pixel_batch(shape=(2, 4, 5))
    px.target[:] = 1
    assert given.signal(px).sum() == kept


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"threshold": 1.5}, "threshold from 0 to 1, found 1.5"),
        ({"min_kept": 1.5}, "as a whole number of pixels, found 1.5"),
        ({"min_kept": -1}, "as a whole number of pixels, found -1"),
        ({"per": "row"}, "found 'row'"),
    ],
)
def test_bad_settings_are_errors(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        OnlineHard(**settings)


@pytest.mark.parametrize("odd", [float("nan"), float("inf")])
@pytest.mark.parametrize("labelled", [1, 2])
def test_a_network_that_diverged_does_not_look_as_if_it_had_no_loss(odd: float, labelled: int) -> None:
    logits = torch.zeros(2, 3, 2, 2)
    logits[:labelled, 0] = odd
    px = batch_of(logits, torch.zeros(2, 2, 2, dtype=torch.long))
    assert torch.equal(OnlineHard(0.7)(px)[:labelled], torch.ones(labelled, 2, 2))
    assert not WeightedCrossEntropy(OnlineHard(0.7))(px)["loss"].isfinite()
