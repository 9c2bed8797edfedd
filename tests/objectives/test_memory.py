"""Rings against Python's own."""

from __future__ import annotations

from collections import deque

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hardpix.objectives.memory import Ring

SIZE, CLASSES = 4, 3


def contents(ring: Ring) -> list[list[float]]:
    """The real entries of every class, oldest first."""
    found = []
    for rows, written, filled in zip(ring.entries[..., 0], ring.written.tolist(), ring.filled.tolist(), strict=True):
        oldest = written % SIZE if filled == SIZE else 0
        found.append([float(rows[(oldest + k) % SIZE]) for k in range(filled)])
    return found


@given(st.lists(st.lists(st.integers(0, CLASSES - 1), max_size=11), max_size=6))
def test_it_holds_the_latest_of_every_class_in_order(batches: list[list[int]]) -> None:
    ring = Ring(CLASSES, SIZE, channels=2)
    expected = [deque(maxlen=SIZE) for _ in range(CLASSES)]
    number = 0
    for batch in batches:
        values = [number + k + 1.0 for k in range(len(batch))]
        number += len(batch)
        ring.store(torch.tensor(values)[:, None].expand(-1, 2), torch.tensor(batch, dtype=torch.long))
        for value, label in zip(values, batch, strict=True):
            expected[label].append(value)
    assert contents(ring) == [list(entries) for entries in expected]
    assert torch.bincount(ring.classes[ring.classes >= 0], minlength=CLASSES).tolist() == [len(e) for e in expected]
    # Rows that were never written are no entries, whatever they hold.
    assert ring.entries.flatten(0, 1)[ring.classes < 0].abs().sum() == 0


def test_a_ring_goes_on_from_a_checkpoint() -> None:
    first, second = Ring(CLASSES, SIZE, 2), Ring(CLASSES, SIZE, 2)
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):
        first.store(torch.rand(5, 2, generator=generator), torch.randint(0, CLASSES, (5,), generator=generator))
    second.load_state_dict(first.state_dict())
    rows, classes = torch.rand(7, 2, generator=generator), torch.randint(0, CLASSES, (7,), generator=generator)
    for ring in (first, second):
        ring.store(rows, classes)
    assert torch.equal(first.entries, second.entries)
    assert torch.equal(first.written, second.written)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_types_are_stored_in_its_own(dtype: torch.dtype) -> None:
    ring = Ring(CLASSES, SIZE, 2)
    ring.store(torch.ones(2, 2, dtype=dtype), torch.tensor([0, 2]))
    assert ring.entries.dtype == torch.float32
    assert ring.entries[[0, 2], 0].eq(1).all()
