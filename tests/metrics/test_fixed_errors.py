"""Cost of errors, from counts, against predictions that are really corrected."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hardpix.metrics import (
    ErrorKind,
    class_iou,
    confusion_matrix,
    errors_by_class,
    mean_iou,
    miou_if_fixed,
    miou_if_fixed_by_class,
    miou_if_fixed_by_class_and_kind,
    miou_if_fixed_by_kind,
    miou_if_fixed_by_pair,
    miou_if_fixed_by_size,
)

CLASSES, KINDS = 4, 5

# Class 3 is never true, so it is gone when corrected; kinds are drawn for wrong pixels and RIGHT for the rest.
pixels = st.integers(1, 40).flatmap(
    lambda n: st.tuples(
        arrays(np.int64, n, elements=st.integers(0, CLASSES - 1)),
        arrays(np.int64, n, elements=st.sampled_from([0, 1, 2, 255])),
        arrays(np.int64, n, elements=st.integers(1, KINDS - 1)),
    )
)
Pixels = tuple[np.ndarray, np.ndarray, np.ndarray]


def counted(guess: np.ndarray, truth: np.ndarray) -> torch.Tensor:
    return confusion_matrix(torch.tensor(guess), torch.tensor(truth), CLASSES)


def counted_by_kind(guess: np.ndarray, truth: np.ndarray, kind: np.ndarray) -> torch.Tensor:
    kind = np.where(guess == truth, 0, kind)
    return torch.stack([counted(guess[kind == k], truth[kind == k]) for k in range(KINDS)])


def really_corrected(guess: np.ndarray, truth: np.ndarray, where: np.ndarray) -> float:
    corrected = np.where(where, truth, guess)
    labelled = truth != 255
    iou = []
    for k in range(CLASSES):
        true, called = (truth == k)[labelled], (corrected == k)[labelled]
        if (true | called).any():
            iou.append((true & called).sum() / (true | called).sum())
    return float(np.mean(iou)) if iou else float("nan")


def same(found: torch.Tensor, expected: object) -> None:
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=1e-15)
    assert found.dtype == torch.float64


@given(pixels)
def test_each_kind(drawn: Pixels) -> None:
    guess, truth, kind = drawn
    wrong_of = [(kind == k) & (guess != truth) for k in range(KINDS)]
    same(miou_if_fixed_by_kind(counted_by_kind(*drawn)), [really_corrected(guess, truth, where) for where in wrong_of])


@given(pixels)
def test_each_kind_in_each_class(drawn: Pixels) -> None:
    guess, truth, kind = drawn
    kinds = counted_by_kind(*drawn)
    expected = [
        [really_corrected(guess, truth, (kind == k) & ((guess == c) | (truth == c))) for c in range(CLASSES)]
        for k in range(1, KINDS)
    ]
    same(miou_if_fixed_by_class(kinds.sum(0), kinds)[1:], expected)
    all_kinds = [really_corrected(guess, truth, (guess == c) | (truth == c)) for c in range(CLASSES)]
    same(miou_if_fixed_by_class(kinds.sum(0), kinds.sum(0)), all_kinds)


@given(pixels)
def test_each_kind_in_each_class_where_a_pixel_counts_for_one_class(drawn: Pixels) -> None:
    guess, truth, kind = drawn
    kinds = counted_by_kind(*drawn)
    false = kind == ErrorKind.FALSE_RESPONSE
    wrong = (kind > 0) & (guess != truth) & (truth != 255)
    of_class = [wrong & np.where(false, guess == c, truth == c) for c in range(CLASSES)]
    expected = [[really_corrected(guess, truth, where & (kind == k)) for where in of_class] for k in range(1, KINDS)]
    found = miou_if_fixed_by_class_and_kind(kinds)
    same(found[1:], expected)
    same(found[0], [really_corrected(guess, truth, where) for where in of_class])
    counted = [[int((where & (kind == k)).sum()) for where in of_class] for k in range(KINDS)]
    assert errors_by_class(kinds).tolist() == counted


@given(pixels)
def test_each_pair_of_classes(drawn: Pixels) -> None:
    guess, truth, kind = drawn
    kinds = counted_by_kind(*drawn)

    def pairs(among: np.ndarray) -> list[list[float]]:
        return [
            [
                really_corrected(guess, truth, among & (((guess == a) & (truth == b)) | ((guess == b) & (truth == a))))
                for b in range(CLASSES)
            ]
            for a in range(CLASSES)
        ]

    same(miou_if_fixed_by_pair(kinds.sum(0), kinds.sum(0)), pairs(np.full(len(guess), True)))
    same(miou_if_fixed_by_pair(kinds.sum(0), kinds[2]), pairs(kind == 2))


@given(pixels)
def test_each_size(drawn: Pixels) -> None:
    guess, truth, band = drawn
    by_band = torch.stack([counted(guess[band == s], truth[band == s]) for s in range(1, KINDS)])
    same(miou_if_fixed_by_size(by_band), [really_corrected(guess, truth, band == s) for s in range(1, KINDS)])


def test_a_class_that_was_only_invented_leaves_the_mean_when_it_is_mended() -> None:
    confusion = torch.tensor([[3, 1, 0], [0, 0, 0], [0, 0, 2]])
    assert class_iou(confusion).nanmean().item() == pytest.approx((3 / 4 + 0 + 1) / 3)
    assert miou_if_fixed_by_class(confusion, confusion).tolist() == pytest.approx([1, 1, (3 / 4 + 0 + 1) / 3])


def test_counts_beyond_float32_stay_exact() -> None:
    confusion = torch.tensor([[2**26 + 1, 1], [1, 2**26 + 1]])
    wrong = torch.tensor([[0, 1], [0, 0]])
    assert miou_if_fixed(confusion, wrong).item() == (2**26 + 2) / (2**26 + 3) / 2 + (2**26 + 1) / (2**26 + 2) / 2


@given(st.integers(1, 30), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.1, 0.6]))
def test_what_has_no_error_costs_exactly_nothing_and_no_correction_costs_anything(
    classes: int, seed: int, wrong: float
) -> None:
    """Sums of the same IoUs in another order differ by some 10⁻¹⁶, which is not 0 and may be below it."""
    generator = torch.Generator().manual_seed(seed)
    kinds = torch.randint(0, 30, (KINDS, classes, classes), generator=generator)
    kinds *= torch.rand(kinds.shape, generator=generator) < wrong
    kinds[0] = torch.randint(0, 30, (classes,), generator=generator).diag()
    confusion = kinds.sum(0)
    now, off = mean_iou(confusion), confusion - confusion.diagonal().diag()
    by_size = torch.stack([confusion, torch.zeros_like(confusion)])
    cases = {
        "kind": (miou_if_fixed_by_kind(kinds), kinds[1:].sum((1, 2)) > 0),
        "class": (miou_if_fixed_by_class(confusion, confusion), off.sum(0) + off.sum(1) > 0),
        "class and kind": (miou_if_fixed_by_class_and_kind(kinds), errors_by_class(kinds) > 0),
        "pair": (miou_if_fixed_by_pair(confusion, confusion), off + off.T > 0),
        "size": (miou_if_fixed_by_size(by_size), torch.stack([off.sum() > 0, torch.tensor(False)])),
    }
    for what, (fixed, has_errors) in cases.items():
        cost = fixed - now
        if what == "kind":
            assert cost[0] == 0 or now.isnan()
            cost = cost[1:]
        if what == "class and kind":
            cost, has_errors = cost[1:], has_errors[1:]
        assert now.isnan() or (cost[~has_errors] == 0).all(), what
        assert now.isnan() or (cost >= 0).all(), what
