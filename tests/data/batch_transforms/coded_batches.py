"""Batches in which every per-pixel entry tells the same number, so that entries that came apart show."""

from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

Batch = dict[str, Any]
sizes = st.tuples(st.integers(1, 4), st.integers(1, 12), st.integers(1, 12))
seeds = st.integers(0, 2**31)


def coded_batch(size: tuple[int, int, int], seed: int = 0, classes: int = 5, name: str = "own") -> Batch:
    """Image, target, depth, weight and target_weight that all tell the target, a fifth of which is ignored (255)."""
    generator = torch.Generator().manual_seed(seed)
    target = torch.randint(0, classes, size, generator=generator)
    target[torch.rand(size, generator=generator) < 0.2] = 255
    code = target.float()
    # The channels beside the first tell the pixel and the batch, which the target does not.
    place = torch.arange(code[0].numel()).view(code[0].shape).expand(size).float()
    batch = torch.full(size, float(sum(name.encode())))
    return {
        "image": torch.stack([code, place, batch], 1),
        "target": target,
        "depth": code + 0.5,
        "weight": code / 8,
        "target_weight": code / 256,
        "logits": torch.stack([code, -code], 1),
        "stem": [f"{name} {number}" for number in range(size[0])],
        "tags": torch.arange(size[0]),
    }


def all_tell_the_target(batch: Batch) -> bool:
    code = batch["target"].float()
    return (
        batch["image"][:, 0].equal(code)
        and batch["depth"].equal(code + 0.5)
        and batch["weight"].equal(code / 8)
        and batch["target_weight"].equal(code / 256)
        and batch["logits"].equal(torch.stack([code, -code], 1))
    )


def same(one: Batch, other: Batch) -> bool:
    return one.keys() == other.keys() and all(
        value.equal(other[key]) if isinstance(value, Tensor) else value == other[key] for key, value in one.items()
    )
