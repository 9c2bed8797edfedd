"""Regions to correct by scipy's components, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from hardpix.report.corrections.regions import Evidence, Region, Rule, find_regions, runs_of

EIGHT = np.ones((3, 3))


def drawn(seed: int, classes: int = 3, size: tuple[int, int] = (23, 31)) -> tuple[np.ndarray, np.ndarray, Evidence]:
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, classes, (6, 8))
    target = np.kron(blocks, np.ones((4, 4), int))[: size[0], : size[1]]
    predicted = np.where(rng.random(size) < 0.3, rng.integers(0, classes, size), np.roll(target, 2, 1))
    confidence = rng.uniform(0.3, 1, size)
    valid = rng.random(size) < 0.95
    own = np.where(predicted == target, confidence, (1 - confidence) * rng.random(size))
    return np.where(valid, target, 255), valid, Evidence(predicted, confidence, own, rng.random(size))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("min_area", "border", "min_level"), [(1, 0, 0.0), (3, 0, 0.0), (2, 1, 0.0), (1, 2, 0.5)])
def test_regions_are_those_of_a_search_over_all_pairs(seed: int, min_area: int, border: int, min_level: float) -> None:
    target, valid, evidence = drawn(seed)
    thresholds = np.array([0.6, 0.4, np.nan])
    found, changes = find_regions(target, valid, evidence, Rule(thresholds, 0.5, min_area, border, min_level))
    expected: dict[tuple[int, int], set[tuple[int, ...]]] = {}
    for given in range(3):
        for suggested in (0, 1):
            if given == suggested:
                continue
            level = max(thresholds[suggested], 0.5)
            mask = valid & (target == given) & (evidence.predicted == suggested) & (evidence.confidence >= level)
            near = ndimage.binary_dilation(target == suggested, EIGHT, iterations=border) if border else np.False_
            labels, count = ndimage.label(mask, EIGHT)
            for number in range(1, count + 1):
                pixels = labels == number
                if pixels.sum() < min_area or (pixels & near).sum() == pixels.sum():
                    continue
                if evidence.level[pixels].mean() >= min_level:
                    expected.setdefault((given, suggested), set()).add(tuple(np.flatnonzero(pixels)))
    assert sum(map(len, expected.values())) == len(found) > 0
    for number, region in enumerate(found, 1):
        pixels = changes == number
        assert region.number == number
        assert tuple(np.flatnonzero(pixels)) in expected[region.given, region.suggested]
        assert region.pixels == pixels.sum()
        (rows, columns) = np.nonzero(pixels)
        assert region.box == (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)
        assert region.confidence == pytest.approx(evidence.confidence[pixels].mean())
        assert region.margin == pytest.approx((evidence.confidence - evidence.own)[pixels].mean())
        assert region.level == pytest.approx(evidence.level[pixels].mean())
    assert [region.score for region in found] == sorted((region.score for region in found), reverse=True)
    assert changes.max() == len(found)


def test_nothing_is_wrong_where_the_network_agrees_or_doubts() -> None:
    target = np.zeros((4, 4), int)
    sure = np.full((4, 4), 0.9)
    for predicted, confidence, thresholds in (
        (target, sure, [0.1, 0.1]),
        (target + 1, sure, [0.1, 0.95]),
        (target + 1, sure / 2, [0.1, 0.1]),
        (target + 1, sure, [0.1, np.nan]),
        (target + 1, np.full((4, 4), np.nan), [0.1, 0.1]),
    ):
        evidence = Evidence(predicted, confidence, np.zeros((4, 4)))
        regions, changes = find_regions(target, target < 9, evidence, Rule(np.array(thresholds), min_area=1, border=0))
        assert regions == []
        assert not changes.any()


def test_a_strip_along_its_own_class_is_a_displaced_border() -> None:
    """Columns 2 and 3 seem to be of the class that begins at column 4; a region that goes further is one as a whole."""
    target = np.repeat([[0, 0, 0, 0, 1, 1]], 4, 0)
    predicted = np.repeat([[0, 0, 1, 1, 1, 1]], 4, 0)
    sure = np.full(target.shape, 0.9)
    rule = {"min_area": 1, "thresholds": np.array([0.5, 0.5])}
    evidence = Evidence(predicted, sure, 1 - sure)
    assert find_regions(target, target < 9, evidence, Rule(**rule, border=2))[0] == []
    (region,), changes = find_regions(target, target < 9, evidence, Rule(**rule, border=1))
    assert region.pixels == 8
    np.testing.assert_array_equal(changes, np.repeat([[0, 0, 1, 1, 0, 0]], 4, 0))


def test_runs_give_the_pixels_back() -> None:
    rng = np.random.default_rng(5)
    changes = (rng.random((9, 12)) < 0.4).astype(np.uint16) * 7
    rows, columns = np.nonzero(changes)
    box = (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)
    runs = runs_of(changes, Region(7, 0, 1, len(rows), box, 0.9, 0.5))
    again = np.zeros_like(changes)
    for row, start, length in zip(*[iter(runs)] * 3, strict=True):
        again[box[0] + row, box[1] + start : box[1] + start + length] = 7
    np.testing.assert_array_equal(again, changes)


@pytest.mark.parametrize("settings", [{"confidence": 1.5}, {"min_area": 0}, {"border": -1}])
def test_settings_outside_their_range(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Rule(np.zeros(2), **settings)
