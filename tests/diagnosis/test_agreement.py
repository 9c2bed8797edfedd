"""Pairs of stored ids against counting pixel by pixel, and agreement against scikit-learn."""

from __future__ import annotations

import tracemalloc
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score, jaccard_score

from hardpix.diagnosis.agreement import agreement, count_pairs, sum_pairs
from hardpix.diagnosis.checks import PairTotal

IDS = st.sampled_from([[0, 1], [0, 255], [0, 255, 256], [7, 300, 65535], list(range(0, 65536, 99)), [65536, 65537]])


def maps(ids: list[int], seed: int) -> np.ndarray:
    kind = np.uint8 if max(ids) < 256 else np.uint16 if max(ids) < 65536 else np.int64
    return np.random.default_rng(seed).choice(np.array(ids, dtype=kind), (7, 11))


@given(IDS, IDS, st.integers(0, 99))
def test_pairs_are_counted_as_one_by_one(one: list[int], other: list[int], seed: int) -> None:
    truth, predicted = maps(one, seed), maps(other, seed + 1)
    expected = Counter(zip(truth.ravel().tolist(), predicted.ravel().tolist(), strict=True))
    pairs = count_pairs(truth, predicted)
    assert {(t, p): n for t, p, n in pairs} == expected
    assert pairs.of_truth == Counter(truth.ravel().tolist())
    assert pairs.of_predictions == Counter(predicted.ravel().tolist())
    more = count_pairs(predicted, truth)
    both = expected + Counter(zip(predicted.ravel().tolist(), truth.ravel().tolist(), strict=True))
    assert {(t, p): n for t, p, n in sum_pairs([pairs, more])} == both
    total = PairTotal()
    for part in (pairs, more):
        total.add(part)
    assert {(t, p): n for t, p, n in total.pairs} == both


def test_many_ids_of_16_bits_take_no_square_of_memory() -> None:
    random = np.random.default_rng(0)
    truth, predicted = random.integers(0, 65536, (2, 300, 400)).astype(np.uint16)
    tracemalloc.start()
    pairs = count_pairs(truth, predicted)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert pairs.pixels.sum() == 120_000
    # A table of all pairs would take 32 GB.
    assert most < 50e6


@given(st.integers(2, 5), st.floats(0, 1), st.integers(0, 99))
def test_agreement_is_that_of_other_libraries(classes: int, right: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    truth = random.integers(0, classes, (20, 30))
    predicted = np.where(random.random((20, 30)) < right, truth, random.integers(0, classes, (20, 30)))
    truth[0] = 255
    names = {k: 10 + k for k in range(classes)}
    found = agreement(count_pairs(truth, predicted + 100), names, {100 + k: v for k, v in names.items()})
    known = truth != 255
    assert found.labeled == known.sum()
    assert found.accuracy == pytest.approx((truth == predicted)[known].mean())
    assert found.kappa == pytest.approx(cohen_kappa_score(truth[known], predicted[known]))
    assert found.miou == pytest.approx(jaccard_score(truth[known], predicted[known], average="macro"))


def test_a_prediction_without_a_class_is_wrong() -> None:
    found = agreement(count_pairs(np.array([[0, 0, 1, 1]]), np.array([[0, 9, 1, 1]])), {0: 0, 1: 1}, {0: 0, 1: 1})
    assert (found.labeled, found.unread, found.accuracy, found.miou) == (4, 1, 0.75, 0.75)
