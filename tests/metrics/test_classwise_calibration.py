"""Calibration of every class, against loops with exact fractions."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hardpix.metrics import ClasswiseCalibration, classwise_calibration_counts, classwise_calibration_error

from .mapped_drawings import Maps, in_parts, maps


def errors_by_loops(probabilities: np.ndarray, truth: np.ndarray, bins: int) -> list[float]:
    errors = []
    for k, plane in enumerate(probabilities):
        gaps = [Fraction(0)] * bins
        for value, label in zip(plane.flat, truth.flat, strict=True):
            if label != 255:
                probability = Fraction(int(value), 65535)
                place = next(m for m in range(bins) if probability <= Fraction(m + 1, bins))
                gaps[place] += (label == k) - probability
        pixels = int((truth != 255).sum())
        errors.append(float(sum(map(abs, gaps)) / pixels) if pixels else np.nan)
    return errors


@given(maps(), maps(), st.sampled_from([1, 3, 15]))
def test_errors_are_those_of_loops(drawing: Maps, other: Maps, bins: int) -> None:
    probabilities = np.stack([drawing.values, drawing.values[::-1], np.resize(other.values, drawing.values.shape)])
    counts = classwise_calibration_counts(probabilities, drawing.target, bins=bins)
    assert counts.dtype == np.int64
    np.testing.assert_allclose(
        classwise_calibration_error(counts), errors_by_loops(probabilities, drawing.target, bins), atol=1e-12
    )


@given(maps(), st.data())
def test_parts_of_a_set_add_up_to_the_whole(drawing: Maps, data: st.DataObject) -> None:
    probabilities = np.stack([drawing.values, drawing.values[::-1], drawing.values[:, ::-1]])
    whole = classwise_calibration_counts(probabilities, drawing.target)
    parts = in_parts(len(drawing.target), data)
    counts = [classwise_calibration_counts(probabilities[:, rows], drawing.target[rows]) for rows in parts]
    np.testing.assert_array_equal(sum(counts), whole)


def test_frequencies_without_error() -> None:
    probabilities = np.stack([np.full((4, 5), 0.2), np.full((4, 5), 0.8)])
    truth = np.repeat([[0, 1, 1, 1, 1]], 4, axis=0)
    np.testing.assert_allclose(
        classwise_calibration_error(classwise_calibration_counts(probabilities, truth)), 0, atol=1e-15
    )


def test_metric_over_batches_is_the_function_over_images() -> None:
    rng = np.random.default_rng(0)
    probabilities = torch.tensor(rng.dirichlet([1, 1, 1], (4, 5, 6))).permute(0, 3, 1, 2)
    truth = torch.tensor(rng.choice([0, 1, 2, 255], (4, 5, 6)))
    metric = ClasswiseCalibration(3, bins=5)
    metric.update(probabilities[:3], truth[:3])
    metric.update(probabilities[3:], truth[3:])
    levels = np.rint(probabilities.numpy() * 65535).astype(np.uint16).transpose(1, 0, 2, 3).reshape(3, 20, 6)
    expected = errors_by_loops(levels, truth.numpy().reshape(20, 6), 5)
    np.testing.assert_allclose(metric.compute()["class_ece"].numpy(), expected)
    assert metric.compute()["static_ece"].item() == pytest.approx(np.mean(expected))


@pytest.mark.parametrize("channels", [2, 4])
def test_another_number_of_classes_is_refused(channels: int) -> None:
    with pytest.raises(ValueError, match=r"probabilities \(B, 3, H, W\), found \(1, "):
        ClasswiseCalibration(3).update(torch.zeros(1, channels, 2, 2), torch.zeros(1, 2, 2, dtype=torch.long))


def test_no_bin_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 bin, found 0"):
        classwise_calibration_counts(np.zeros((2, 1, 1)), np.zeros((1, 1), dtype=int), bins=0)
