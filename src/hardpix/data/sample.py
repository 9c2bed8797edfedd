"""What a sample is."""

from __future__ import annotations

from typing import Any

# image (3, H, W), and as far as the data have them target (H, W), depth (H, W), weight (H, W) and stem.
Sample = dict[str, Any]


def map_fills(ignore_index: int) -> dict[str, float]:
    """What stands in each map of a sample where there is no image: no label, unknown depth, weight 0."""
    return {"target": ignore_index, "depth": float("nan"), "weight": 0.0}
