"""Greedy picks against the loop that takes the maximum of all pixels each time, and RIPU's numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpix.pixels import best_over_images, greedy_picks
from hardpix.pixels.picks import Picks, within


def by_brute_force(score: np.ndarray, unlabeled: np.ndarray, radius: int, apart: int, wanted: int) -> list[tuple]:
    """Row, column and number of new pixels of each pick, of a loop that looks at all pixels for each."""
    score, left = score.astype(float).copy(), unlabeled.copy()
    height, width = score.shape
    for y, x in zip(*np.nonzero(~unlabeled), strict=True):
        for row in range(max(0, y - apart + radius), min(height, y + apart - radius + 1)):
            for column in range(max(0, x - apart + radius), min(width, x + apart - radius + 1)):
                score[row, column] = -np.inf
    picks, total = [], 0
    while total < wanted and score.max() > -np.inf:
        row, column = np.unravel_index(score.argmax(), score.shape)
        window = left[max(0, row - radius) : row + radius + 1, max(0, column - radius) : column + radius + 1]
        picks.append((int(row), int(column), int(window.sum())))
        total += int(window.sum())
        window[...] = False
        score[max(0, row - apart) : row + apart + 1, max(0, column - apart) : column + apart + 1] = -np.inf
    return picks


def rows(picks: Picks) -> list[tuple]:
    return [(*place, count) for place, count in zip(picks.places.tolist(), picks.pixels.tolist(), strict=True)]


@given(data=st.data())
def test_it_picks_what_the_maximum_of_all_pixels_gives(data: st.DataObject) -> None:
    height, width = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 12))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**16)))
    # Few values, so that many tie.
    score = rng.integers(0, data.draw(st.sampled_from([1, 3, 1000])), (height, width)).astype(np.float32)
    unlabeled = rng.random((height, width)) < data.draw(st.sampled_from([0.0, 0.7, 1.0]))
    radius = data.draw(st.integers(0, 3))
    apart = radius + data.draw(st.integers(0, 3))
    wanted = data.draw(st.integers(0, height * width))
    found = greedy_picks(score, unlabeled, radius, apart, wanted)
    assert rows(found) == by_brute_force(score, unlabeled, radius, apart, wanted)
    assert np.array_equal(found.scores, [score[row, column] for row, column in found.places])


def test_it_does_so_beyond_the_pixels_that_are_looked_at_together() -> None:
    score = np.random.default_rng(0).random((90, 120), np.float32)
    unlabeled = np.ones(score.shape, bool)
    found = greedy_picks(score, unlabeled, 1, 2, score.size)
    assert rows(found) == by_brute_force(score, unlabeled, 1, 2, score.size)
    # The last ones are far down the list.
    assert np.flatnonzero(np.sort(-score.ravel()) >= -found.scores[-1])[0] > 4096


@pytest.mark.parametrize("radius", [1, 2, 4])
def test_two_regions_never_overlap_nor_come_closer_than_their_width(radius: int) -> None:
    score = np.random.default_rng(1).random((40, 50))
    found = greedy_picks(score, np.ones((40, 50), bool), radius, 2 * radius, 2000)
    distance = np.abs(found.places[:, None] - found.places[None]).max(axis=2)
    np.fill_diagonal(distance, 99)
    assert distance.min() == 2 * radius + 1
    assert (np.diff(found.scores) <= 0).all()


@pytest.mark.parametrize(("share", "radius"), [(0.022 / 5, 1), (0.05 / 5, 1), (0.02, 4)])
def test_regions_inside_the_image_are_as_many_as_ripu_has(share: float, radius: int) -> None:
    # RIPU, per round and image: ceil(H·W · ratio / 5 / (2k + 1)²).
    score = np.random.default_rng(2).random((64, 128))
    score[: radius + 1] = score[-radius - 1 :] = score[:, : radius + 1] = score[:, -radius - 1 :] = 0
    wanted = math.ceil(64 * 128 * share)
    found = greedy_picks(score, np.ones(score.shape, bool), radius, 2 * radius, wanted)
    assert len(found) == math.ceil(64 * 128 * share / (2 * radius + 1) ** 2)


def test_ripus_number_of_single_pixels_of_a_round() -> None:
    # 40 pixels per 1280 × 640, in five rounds, at 2048 × 1024: 21.
    share = 40 / 5 / (1280 * 640)
    score = np.random.default_rng(3).random((1024, 2048))
    found = greedy_picks(score, np.ones(score.shape, bool), 0, 32, math.ceil(share * score.size))
    assert len(found) == 21
    assert found.pixels.sum() == 21


def test_regions_cut_off_by_the_border_use_up_what_they_hold() -> None:
    # The authors count nine pixels for the corner, and end with fewer labels than the budget.
    score = np.zeros((9, 9))
    score[0, 0], score[5, 5] = 2, 1
    found = greedy_picks(score, np.ones((9, 9), bool), 1, 2, 9)
    assert rows(found) == [(0, 0, 4), (5, 5, 9)]


def test_nothing_is_picked_where_nothing_is_left() -> None:
    # The authors' argmax of −∞ picks (0, 0) again and again.
    assert rows(greedy_picks(np.ones((3, 3)), np.ones((3, 3), bool), 1, 2, 100)) == [(0, 0, 4)]
    assert len(greedy_picks(np.ones((3, 3)), np.zeros((3, 3), bool), 1, 2, 100)) == 0


def test_a_second_round_goes_on_where_the_first_one_ended() -> None:
    score, unlabeled = np.random.default_rng(4).random((60, 70)), np.ones((60, 70), bool)
    # Away from the border, where a window is shorter than its suppression.
    score[:3] = score[-3:] = score[:, :3] = score[:, -3:] = -1
    both = greedy_picks(score, unlabeled, 1, 2, 18 * 9)
    first = greedy_picks(score, unlabeled, 1, 2, 9 * 9)
    for row, column in first.places:
        unlabeled[row - 1 : row + 2, column - 1 : column + 2] = False
    second = greedy_picks(score, unlabeled, 1, 2, 9 * 9)
    assert rows(first) + rows(second) == rows(both)


@given(data=st.data())
def test_one_budget_over_all_images_takes_the_best_of_all(data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**16)))
    most, wanted = data.draw(st.integers(0, 60)), data.draw(st.integers(0, 150))
    scores = [rng.integers(0, 50, (8, rng.integers(1, 9))) / 50 for _ in range(3)]
    picks = [within(greedy_picks(score, np.ones(score.shape, bool), 1, 2, most), most) for score in scores]
    counts = best_over_images(picks, wanted)
    # One at a time: the highest score of all images, the first image where they tie.
    taken, total = [0, 0, 0], 0
    while total < wanted:
        heads = [each.scores[n] if n < len(each) else -np.inf for each, n in zip(picks, taken, strict=True)]
        best = int(np.argmax(heads))
        if heads[best] == -np.inf:
            break
        total += int(picks[best].pixels[taken[best]])
        taken[best] += 1
    assert counts == taken
    assert all(each.pixels[:count].sum() <= most for each, count in zip(picks, counts, strict=True))


def test_faulty_input_is_refused() -> None:
    score, unlabeled = np.zeros((2, 3)), np.ones((2, 3), bool)
    with pytest.raises(ValueError, match="two maps"):
        greedy_picks(score, unlabeled.T, 0, 0, 1)
    with pytest.raises(ValueError, match="radius 2 and apart 1"):
        greedy_picks(score, unlabeled, 2, 1, 1)
    with pytest.raises(ValueError, match="finite"):
        greedy_picks(np.full((2, 3), np.nan), unlabeled, 0, 0, 1)
