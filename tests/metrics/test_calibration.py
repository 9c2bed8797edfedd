"""Calibration, against loops with exact fractions and torchmetrics."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchmetrics.functional.classification import multiclass_calibration_error

from hardpix.metrics import Calibration, calibration_error, error_histogram, reliability_diagram

from .mapped_drawings import CLASSES, Maps, labelled, maps


def bins_by_loops(pixels: list[tuple[int, int, int]], bins: int) -> list[list[tuple[Fraction, bool]]]:
    """Per bin, confidence and rightness of its pixels; the bins are ((m − 1)/M, m/M], the first one with 0."""
    found: list[list[tuple[Fraction, bool]]] = [[] for _ in range(bins)]
    for value, guess, truth in pixels:
        confidence = Fraction(value, 65535)
        place = next(m for m in range(bins) if confidence <= Fraction(m + 1, bins))
        found[place].append((confidence, guess == truth))
    return found


def error_by_loops(pixels: list[tuple[int, int, int]], bins: int) -> float:
    total = Fraction(0)
    for held in bins_by_loops(pixels, bins):
        total += abs(sum((right - confidence for confidence, right in held), Fraction(0)))
    return float(total / len(pixels)) if pixels else math.nan


# Edges of 15, 10, 2 and (33423) 100 bins, their neighbors, and any others.
confidences = st.one_of(
    st.integers(0, 65535),
    st.sampled_from([0, 1, 4369, 4370, 6553, 6554, 32767, 32768, 33423, 33424, 61166, 61167, 65534, 65535]),
)


@given(maps(values=confidences), st.sampled_from([1, 2, 7, 10, 15, 100]))
def test_error_and_diagram_are_those_of_loops(drawing: Maps, bins: int) -> None:
    pixels = labelled(drawing)
    counts = error_histogram(*drawing[:3], CLASSES)
    assert calibration_error(counts, bins) == pytest.approx(error_by_loops(pixels, bins), abs=1e-12, nan_ok=True)
    diagram = reliability_diagram(counts, bins)
    for place, held in enumerate(bins_by_loops(pixels, bins)):
        assert diagram["count"][place] == len(held)
        for name, values in zip(("confidence", "accuracy"), zip(*held, strict=True), strict=False):
            assert diagram[name][place] == pytest.approx(float(sum(values) / Fraction(len(held))))
        if not held:
            assert np.isnan([diagram["confidence"][place], diagram["accuracy"][place]]).all()


@pytest.mark.parametrize("bins", [1, 2, 7, 10, 15, 100])
def test_every_confidence_is_in_its_bin(bins: int) -> None:
    ends = [Fraction(m, bins) for m in range(1, bins + 1)]
    levels = sorted({min(max(int(end * 65535) + step, 0), 65535) for end in ends for step in (-1, 0, 1)})
    for level in levels:
        histogram = np.zeros((2, 65536), dtype=np.int64)
        histogram[0, level] = 1
        place = reliability_diagram(histogram, bins)["count"].argmax()
        assert ends[place] - Fraction(1, bins) < Fraction(level, 65535) <= ends[place]


@pytest.mark.parametrize("bins", [10, 15])
def test_error_is_that_of_torchmetrics_away_from_the_edges(bins: int) -> None:
    rng = np.random.default_rng(0)
    guess = rng.integers(0, 3, (40, 50))
    # On an edge the two differ in the side; the 16-bit map is what both see.
    confidence = rng.integers(22_000, 65535, guess.shape)
    confidence += confidence % 4369 == 0
    truth = np.where(rng.random(guess.shape) < 0.7, guess, rng.integers(0, 3, guess.shape))
    truth[rng.random(guess.shape) < 0.1] = 255
    found = calibration_error(error_histogram(confidence.astype(np.uint16), guess, truth, 3), bins)
    probabilities = np.repeat((1 - confidence / 65535)[None] / 2, 3, axis=0)
    np.put_along_axis(probabilities, guess[None], confidence[None] / 65535, axis=0)
    expected = multiclass_calibration_error(
        torch.tensor(probabilities)[None], torch.tensor(truth)[None], num_classes=3, n_bins=bins, ignore_index=255
    )
    assert found == pytest.approx(expected.item(), abs=1e-6)
    assert found > 0.02


def test_a_network_that_is_as_often_right_as_it_says_has_no_error() -> None:
    confidence = np.full((5, 4), 0.6)
    truth = np.zeros((5, 4), dtype=int)
    guess = np.repeat([[0], [0], [0], [1], [1]], 4, axis=1)
    assert calibration_error(error_histogram(confidence, guess, truth, 2)) == pytest.approx(0, abs=1e-15)


def test_sums_of_a_large_set_stay_exact() -> None:
    histogram = np.zeros((2, 65536), dtype=np.int64)
    histogram[0, 65535], histogram[0, 65534], histogram[1, 65533] = 3 * 10**11, 10**11 + 1, 7
    count = 4 * 10**11 + 8
    share = Fraction(65535 * 3 * 10**11 + 65534 * (10**11 + 1) + 65533 * 7, count * 65535)
    diagram = reliability_diagram(histogram)
    assert diagram["count"].tolist() == [0] * 14 + [count]
    assert diagram["confidence"][14] == pytest.approx(float(share), rel=1e-15)


@pytest.mark.parametrize(("bins", "shape"), [(0, (2, 65536)), (15, (2, 100))])
def test_no_bin_and_other_histograms_are_refused(bins: int, shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="at least 1 bin and a histogram"):
        reliability_diagram(np.zeros(shape, dtype=np.int64), bins)


def draw_batch(seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, dict[str, torch.Tensor]]:
    rng = np.random.default_rng(seed)
    guess, truth = torch.tensor(rng.integers(0, 3, (2, 5, 4, 6)))
    truth[torch.tensor(rng.random((5, 4, 6)) < 0.2)] = 255
    masks = {name: torch.tensor(rng.random((5, 4, 6)) < 0.4) for name in ("border", "thin")}
    return torch.tensor(rng.random((5, 4, 6))), guess, truth, masks


def test_metric_over_batches_is_the_function_over_images_and_masks() -> None:
    confidence, guess, truth, masks = draw_batch(1)
    metric = Calibration(3, bins=5, masks=("thin", "border"))
    for part in ([0], [1, 2, 3], [4]):
        metric.update(confidence[part], guess[part], truth[part], {name: mask[part] for name, mask in masks.items()})
    found = metric.compute()
    everywhere = torch.ones_like(masks["thin"])
    for prefix, mask in (("", everywhere), ("thin_", masks["thin"]), ("border_", masks["border"])):
        inside = (mask & (truth != 255)).numpy()
        values = np.rint(confidence.numpy()[inside] * 65535).astype(int)
        pixels = list(zip(values.tolist(), guess.numpy()[inside], truth.numpy()[inside], strict=True))
        assert found[f"{prefix}ece"].item() == pytest.approx(error_by_loops(pixels, 5))
        assert found[f"{prefix}count"].sum() == len(pixels)
        assert found[f"{prefix}accuracy"].shape == found[f"{prefix}confidence"].shape == (5,)
    assert len(found) == 12


@pytest.mark.parametrize("given", [None, {}, {"border": torch.ones(5, 4, 6, dtype=torch.bool)}])
def test_masks_that_were_not_named_are_refused(given: dict | None) -> None:
    metric = Calibration(3, masks=("thin",))
    with pytest.raises(ValueError, match=r"expected masks named \['thin'\]"):
        metric.update(*draw_batch(2)[:3], masks=given)


@pytest.mark.parametrize("mask", [np.ones((3, 4), dtype=bool), np.ones((2, 3), dtype=int)])
def test_a_mask_of_another_shape_or_type_is_refused(mask: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"expected a boolean mask of shape \(2, 3\)"):
        error_histogram(np.zeros((2, 3)), *np.zeros((2, 2, 3), dtype=int), num_classes=2, mask=mask)
