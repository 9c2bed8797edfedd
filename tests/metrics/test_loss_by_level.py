"""Losses by the value of a map, against the pixels sorted by it."""

from __future__ import annotations

import numpy as np
import pytest

from hardpix.metrics.loss_by_level import loss_by_level, loss_counts


def drawing(seed: int, pixels: int = 6000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A map without ties, probabilities that fall with it, and which pixels count."""
    rng = np.random.default_rng(seed)
    values = rng.choice(60_000, pixels, replace=False).astype(np.uint16).reshape(-1, 50)
    confidence = np.clip(1 - values / 65535 * rng.random(values.shape), 0.01, 1)
    return values, confidence, rng.random(values.shape) < 0.7


@pytest.mark.parametrize("parts", [1, 4, 10])
def test_parts_are_those_of_the_sorted_pixels(parts: int) -> None:
    values, confidence, valid = drawing(parts)
    # As many pixels as the parts divide.
    valid.flat[np.flatnonzero(valid)[: valid.sum() % parts]] = False
    order = values[valid].argsort()
    loss = -np.log(confidence[valid])[order].reshape(parts, -1)
    share = (values[valid] / 65535)[order].reshape(parts, -1)
    found = loss_by_level(loss_counts(values, confidence, valid), parts)
    np.testing.assert_allclose(found["loss"], loss.mean(1), atol=1e-5)
    np.testing.assert_allclose(found["relative"], loss.mean(1) / loss.mean(), rtol=1e-4)
    np.testing.assert_allclose(found["value"], share.mean(1), rtol=1e-9)
    np.testing.assert_allclose(found["expected"], (share / (1 - share)).mean(1), rtol=1e-9)
    assert found["mean"] == pytest.approx(loss.mean(), abs=1e-5)


def test_a_map_of_the_expected_loss_lies_on_the_measured_one() -> None:
    rng = np.random.default_rng(3)
    loss = rng.exponential(size=(200, 300)) * 0.4
    multiple = loss / loss.mean()
    found = loss_by_level(loss_counts(multiple / (1 + multiple), np.exp(-loss), np.ones_like(loss, dtype=bool)))
    np.testing.assert_allclose(found["expected"], found["relative"], rtol=2e-3)


def test_counts_of_images_add_up() -> None:
    values, confidence, valid = drawing(5)
    halves = sum(loss_counts(values[part], confidence[part], valid[part]) for part in (slice(0, 50), slice(50, None)))
    np.testing.assert_array_equal(halves, loss_counts(values, confidence, valid))
    assert halves.dtype == np.int64


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float16, np.float32])
def test_types_of_probabilities(kind: type) -> None:
    values, _, valid = drawing(6)
    levels = np.random.default_rng(7).integers(1, 256, values.shape)
    top = 1 if kind in (np.float16, np.float32) else np.iinfo(kind).max
    stored = (levels / 255 * top).round(0 if top > 1 else 6).astype(kind)
    mean = loss_by_level(loss_counts(values, stored, valid))["mean"]
    assert mean == pytest.approx(-np.log(levels / 255)[valid].mean(), abs=2e-3)


def test_ties_are_divided_and_nothing_has_no_mean() -> None:
    values = np.array([[0, 0, 0, 0, 65535]], dtype=np.uint16)
    confidence = np.array([[1.0, 0.5, 0.25, 0.5, 0.0]])
    found = loss_by_level(loss_counts(values, confidence, values < 9), parts=2)
    np.testing.assert_allclose(found["loss"], [np.log(2), np.log(2)], atol=1e-5)
    # No probability is taken for less than the smallest of 16 bits.
    worst = loss_by_level(loss_counts(values, confidence, values > 9), parts=1)
    np.testing.assert_allclose(worst["loss"], [np.log(65535)], atol=1e-5)
    assert np.isfinite(worst["expected"]).all()
    assert np.isnan(loss_by_level(loss_counts(values, confidence, values < 0))["loss"]).all()


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="of one shape"):
        loss_counts(np.zeros((2, 3)), np.ones((3, 2)), np.ones((2, 3), dtype=bool))
