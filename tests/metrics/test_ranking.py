"""Ranking scores against scikit-learn, scipy and numpy."""

import math

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics
import torch
from hypothesis import given
from hypothesis import strategies as st

from hardpix.metrics import auroc, correlation

# Few values, so that ties are common.
scored = st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=2, max_size=50)


@given(scored)
def test_auroc_is_that_of_scikit_learn_with_ties(pairs: list[tuple[int, bool]]) -> None:
    scores = torch.tensor([float(score) for score, _ in pairs])
    positive = torch.tensor([truth for _, truth in pairs])
    found = auroc(scores, positive)
    if positive.all() or not positive.any():
        assert math.isnan(found)
    else:
        assert found == pytest.approx(sklearn.metrics.roc_auc_score(positive.numpy(), scores.numpy()))


def test_auroc_of_maps_is_a_chance_over_pairs() -> None:
    rng = np.random.default_rng(0)
    scores, positive = rng.integers(0, 9, (2, 5, 7)) / 8, rng.random((2, 5, 7)) < 0.3
    wins = [
        1.0 if p > n else 0.5 if p == n else 0.0 for p in scores[positive].tolist() for n in scores[~positive].tolist()
    ]
    assert auroc(torch.tensor(scores), torch.tensor(positive)) == pytest.approx(np.mean(wins))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_auroc_of_many_pixels_is_exact_in_any_type(dtype: torch.dtype) -> None:
    rng = np.random.default_rng(1)
    scores = torch.tensor(rng.random(200_000)).to(dtype)
    positive = torch.tensor(rng.random(200_000) < 0.4)
    expected = sklearn.metrics.roc_auc_score(positive.numpy(), scores.double().numpy())
    assert auroc(scores, positive) == pytest.approx(expected, abs=1e-12)


@given(scored)
def test_auroc_does_not_change_with_an_increasing_function_and_mirrors_with_the_sign(
    pairs: list[tuple[int, bool]],
) -> None:
    scores = torch.tensor([float(score) for score, _ in pairs], dtype=torch.float64)
    positive = torch.tensor([truth for _, truth in pairs])
    found = auroc(scores, positive)
    assert auroc(scores.exp(), positive) == pytest.approx(found, nan_ok=True)
    assert auroc(-scores, positive) == pytest.approx(1 - found, nan_ok=True)


def test_auroc_refuses_other_shapes() -> None:
    with pytest.raises(ValueError, match="one shape"):
        auroc(torch.zeros(3), torch.zeros(2))


def test_correlation_is_that_of_scipy_in_float64() -> None:
    rng = np.random.default_rng(2)
    a = rng.random((3, 4, 5)).astype(np.float32) + 1000
    b = (a - 1000 + rng.random(a.shape) * 0.3).astype(np.float32)
    expected = scipy.stats.pearsonr(a.ravel().astype(np.float64), b.ravel().astype(np.float64)).statistic
    assert correlation(torch.tensor(a), torch.tensor(b)) == pytest.approx(expected, abs=1e-12)


@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=2, max_size=30))
def test_correlation_is_that_of_numpy(pairs: list[tuple[int, int]]) -> None:
    a, b = np.array(pairs, dtype=float).T
    found = correlation(torch.tensor(a), torch.tensor(b))
    if len(set(a)) == 1 or len(set(b)) == 1:
        assert math.isnan(found)
    else:
        assert found == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-9)


def test_correlation_with_a_constant_map_is_nan_though_its_mean_is_rounded() -> None:
    tenths = torch.full((7,), 0.1, dtype=torch.float64)
    assert tenths.mean() != tenths[0]
    assert math.isnan(correlation(tenths, torch.arange(len(tenths))))
    assert math.isnan(correlation(torch.arange(len(tenths)), tenths))


def test_correlation_refuses_other_shapes() -> None:
    with pytest.raises(ValueError, match="one shape"):
        correlation(torch.zeros(2, 3), torch.zeros(3, 2))
