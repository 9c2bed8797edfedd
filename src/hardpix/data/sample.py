"""What a sample is."""

from __future__ import annotations

from typing import Any

# image (3, H, W), and as far as the data have them target (H, W), depth (H, W), weight (H, W) and stem.
Sample = dict[str, Any]


def map_fills(ignore_index: int) -> dict[str, float]:
    """What stands in each map of a sample where there is no image: no label, unknown depth, weight 0."""
    return {"target": ignore_index, "depth": float("nan"), "weight": 0.0}


def require_one_size(sample: Sample) -> None:
    """Refuse a sample whose maps do not lie on its image.

    Raises:
        ValueError: a map of another shape than (H, W) of the image.
    """
    size = tuple(sample["image"].shape[-2:])
    for name in map_fills(0):
        if name in sample and tuple(sample[name].shape) != size:
            stem = f" of {sample['stem']!r}" if "stem" in sample else ""
            raise ValueError(
                f"expected the {name}{stem} as (height, width) = {size}, the size of its image, found "
                f"{tuple(sample[name].shape)}"
            )
