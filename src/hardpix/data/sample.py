"""The type of a sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torchvision import tv_tensors

from hardpix.data.maps import MapKind

# image (3, H, W), and as far as the data have them target (H, W), other maps (H, W) by their key, and stem.
Sample = dict[str, Any]


def map_fills(ignore_index: int, kinds: Mapping[str, MapKind]) -> dict[str, float]:
    """Fill of each map of a sample where there is no image: no label, and the `fill` of each kind."""
    return {"target": ignore_index} | {key: kind.fill for key, kind in kinds.items()}


def require_one_size(sample: Sample, kinds: Mapping[str, MapKind]) -> None:
    """Refuse a sample whose maps do not lie on its image, or are of a kind that nobody declared.

    Raises:
        ValueError: a map of another shape than (H, W) of the image, or a torchvision Mask of no kind.
    """
    size = tuple(sample["image"].shape[-2:])
    for name, values in sample.items():
        if isinstance(values, tv_tensors.Mask) and name != "target" and name not in kinds:
            raise ValueError(
                f"expected maps of the kinds target, {', '.join(kinds)}, found the mask {name!r}, which would not move "
                "with its image: declare it as a MapKind and give it as map_kinds={**MAPS, " + f"{name!r}: kind" + "}"
            )
    for name in map_fills(0, kinds):
        if name in sample and tuple(sample[name].shape) != size:
            stem = f" of {sample['stem']!r}" if "stem" in sample else ""
            raise ValueError(
                f"expected the {name}{stem} as (height, width) = {size}, the size of its image, found "
                f"{tuple(sample[name].shape)}"
            )
