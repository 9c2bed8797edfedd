"""The k-th smallest value, against numpy's partition."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hardpix.pixels import kth_smallest

# Few distinct values make ties; the others reach from subnormal numbers to almost infinity.
floats = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.floats(0, 2.0**127, width=32, allow_subnormal=True))


@settings(max_examples=60)
@given(data=st.data(), rows=st.integers(1, 3), columns=st.integers(1, 12))
def test_is_numpys_partition_of_the_masked_values_of_each_row(data: st.DataObject, rows: int, columns: int) -> None:
    values = data.draw(hnp.arrays(np.float32, (rows, columns), elements=floats))
    mask = data.draw(hnp.arrays(bool, (rows, columns)))
    mask[:, 0] = True
    k = [data.draw(st.integers(1, int(chosen.sum()))) for chosen in mask]
    found = kth_smallest(torch.from_numpy(values), torch.from_numpy(mask), torch.tensor(k))
    expected = [np.partition(row[chosen], n - 1)[n - 1] for row, chosen, n in zip(values, mask, k, strict=True)]
    assert found.tolist() == expected


def test_many_values() -> None:
    values = np.random.default_rng(0).random((2, 30_000), dtype=np.float32) ** 3
    k = [1, 29_999]
    found = kth_smallest(torch.from_numpy(values), torch.ones(2, 30_000, dtype=torch.bool), torch.tensor(k))
    assert found.tolist() == [np.partition(row, n - 1)[n - 1] for row, n in zip(values, k, strict=True)]


def test_outside_the_count_nothing_lies_between() -> None:
    """k = 0 finds what no value is below; k above the count finds what no value reaches."""
    values = torch.tensor([[0.5, 0.1], [0.5, 0.1], [0.5, 0.1]])
    mask = torch.tensor([[True, True], [True, True], [False, False]])
    nothing, beyond, empty = kth_smallest(values, mask, torch.tensor([0, 3, 1]))
    assert nothing.item() == 0
    assert not (values < beyond.nan_to_num(0)).any()
    assert not (values < empty.nan_to_num(0)).any()


def test_no_gradient_and_float64_rounded_to_float32() -> None:
    values = torch.tensor([[0.1, 0.7]], dtype=torch.float64, requires_grad=True)
    found = kth_smallest(values, torch.ones(1, 2, dtype=torch.bool), torch.tensor([2]))
    assert not found.requires_grad
    assert found.item() == np.float32(0.7)
