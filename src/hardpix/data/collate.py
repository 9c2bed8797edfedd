"""Samples into a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from hardpix.data.maps import MAPS, MapKind
from hardpix.data.sample import Sample
from hardpix.data.transforms import padded


def collate(
    samples: Sequence[Sample], ignore_index: int = 255, map_kinds: Mapping[str, MapKind] = MAPS
) -> dict[str, Any]:
    """Normalized samples stacked; smaller ones are first padded at the bottom and right to the largest size.

    Padding is the mean color in the image, `ignore_index` in the target, NaN in depth, 0 in weights, and in other
    maps the fill of their kind. What is no tensor, such as the stem, becomes a list.

    Raises:
        ValueError: an entry that some samples have and others lack.

    Example:
        >>> samples = [{"image": torch.ones(3, 4, width), "target": torch.ones(4, width)} for width in (5, 6)]
        >>> batch = collate(samples)
        >>> batch["image"].shape, batch["target"][0, 0].tolist()
        (torch.Size([2, 3, 4, 6]), [1.0, 1.0, 1.0, 1.0, 1.0, 255.0])
    """
    _require_the_same_entries(samples, map_kinds)
    height, width = (max(sample["image"].shape[side] for sample in samples) for side in (-2, -1))
    even = [
        padded(sample, height - sample["image"].shape[-2], width - sample["image"].shape[-1], ignore_index, map_kinds)
        for sample in samples
    ]
    return {
        key: torch.stack([sample[key].as_subclass(Tensor) for sample in even])
        if isinstance(value, Tensor)
        else [sample[key] for sample in even]
        for key, value in even[0].items()
    }


def _require_the_same_entries(samples: Sequence[Sample], map_kinds: Mapping[str, MapKind]) -> None:
    keys = dict.fromkeys(key for sample in samples for key in sample)
    for sample in samples:
        if missing := [key for key in keys if key not in sample]:
            unknown = [
                f"; where {kind.key} is unknown, give a map of {kind.shown_fill}"
                for kind in map_kinds.values()
                if not kind.needed
            ]
            raise ValueError(
                f"expected the same entries in every sample, found {sample.get('stem', 'one')!r} without "
                f"{' and '.join(missing)}{''.join(unknown)}"
            )
