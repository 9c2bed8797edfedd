"""Regions to correct by scipy's components, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from hardpix.report.corrections.precision import count_said, least_confidence, precision_from
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


def test_regions_whose_label_the_network_leaves_open_or_whose_views_differ_are_left_out() -> None:
    """Two blocks of 4: the label keeps 0.01 and 0.2, the views agree at 1 and 0.5 of the pixels."""
    target, predicted = np.zeros((4, 8), int), np.zeros((4, 8), int)
    predicted[:2, :2], predicted[:2, 6:] = 1, 1
    own, agreed = np.full((4, 8), 0.01), np.ones((4, 8), bool)
    own[:, 4:], agreed[0, 4:] = 0.2, False
    evidence = Evidence(predicted, np.full((4, 8), 0.75), own, agreed=agreed)
    levels = {"thresholds": np.array([0.5, 0.5]), "min_area": 1, "border": 0}
    for settings, expected in (({}, 2), ({"most_given": 0.1}, 1), ({"agreement": 0.6}, 1), ({"agreement": 0.5}, 2)):
        regions, changes = find_regions(target, target < 9, evidence, Rule(**levels, **settings))
        assert len(regions) == expected, settings
        assert changes[0, 0] == 1
    assert [region.agreement for region in regions] == [1, 0.5]


@pytest.mark.parametrize("seed", range(3))
def test_precision_is_a_count_over_all_pixels_at_least_as_sure(seed: int) -> None:
    rng = np.random.default_rng(seed)
    predicted, target, confidence = rng.integers(0, 3, 400), rng.integers(0, 3, 400), rng.integers(30, 100, 400) / 100
    confidence += 0.005
    said = sum(
        count_said(*(each[part] for each in (predicted, confidence, target)), 4)
        for part in (slice(150), slice(150, 400))
    )
    precision = precision_from(said)
    assert np.isnan(precision[3]).all()
    for k in range(3):
        for place in (0, 30, 45, 80, 99):
            sure = (predicted == k) & (confidence >= place / 100)
            expected = (target[sure] == k).mean() if sure.any() else np.nan
            np.testing.assert_equal(precision[k, place], expected)
        least = 0.4
        levels = [place / 100 for place in range(100) if precision[k, place] >= least]
        assert least_confidence(precision, least)[k] == (levels[0] if levels else np.inf)
    assert least_confidence(precision, 0.0).tolist() == [0] * 4


def test_a_class_that_the_network_is_wrong_about_is_not_proposed() -> None:
    """Class 1 is said at 4 pixels with 0.9, of which 1 carries it; class 0 at 4 pixels, all of which carry it."""
    target, predicted = np.array([[0, 0, 0, 1, 0, 0, 0, 0]]), np.array([[1, 1, 1, 1, 0, 0, 0, 0]])
    sure = np.full(target.shape, 0.9)
    precision = precision_from(count_said(predicted[0], sure[0], target[0], 2))
    for least, expected in ((0.0, 1), (0.25, 1), (0.5, 0)):
        rule = Rule(np.zeros(2), min_area=1, border=0, least_right=least, precision=precision)
        regions, _ = find_regions(target, target < 9, Evidence(predicted, sure, 1 - sure), rule)
        assert len(regions) == expected
        assert all(region.right == 0.25 for region in regions)


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


@pytest.mark.parametrize(
    "settings",
    [{"confidence": 1.5}, {"min_area": 0}, {"border": -1}, {"most_given": 2}, {"agreement": -1}, {"least_right": 9}],
)
def test_settings_outside_their_range(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Rule(np.zeros(2), **settings)
