"""Maps that hardly differ between pixels, told from those that do."""

from __future__ import annotations

import numpy as np
import pytest

from hardpix.metrics.map_spread import MapSpread


@pytest.mark.parametrize("seed", range(4))
def test_a_histogram_has_the_spread_of_its_pixels(seed: int) -> None:
    levels = np.random.default_rng(seed).beta(2, 5, 5000)
    stored = np.round(65535 * levels).astype(int)
    values = np.sort(stored / 65535)
    found = MapSpread.of_histogram(np.bincount(stored, minlength=65536))
    assert found.mean == pytest.approx(values.mean())
    assert [found.low, found.high] == pytest.approx([values[249], values[4749]], abs=1e-9)
    assert MapSpread.of(values).low == pytest.approx(found.low, abs=1e-3)


@pytest.mark.parametrize(("width", "flat"), [(0.0, True), (0.04, True), (0.1, False)])
@pytest.mark.parametrize("mean", [0.02, 0.5])
def test_the_middle_nine_tenths_decide(width: float, flat: bool, mean: float) -> None:
    """Values spread evenly over `width` times the mean; 90 % of them cover 90 % of that, and a few may be far off."""
    values = mean * np.linspace(1 - width / 2, 1 + width / 2, 1000)
    values[::200] = 1
    assert MapSpread.of(values).hardly_differs == flat


def test_a_map_of_zeros_hardly_differs_and_an_empty_one_has_no_numbers() -> None:
    assert MapSpread.of(np.zeros(9)).hardly_differs
    assert MapSpread.of_histogram(np.zeros(5, int)).mean == 0
