"""Pixels of one batch pasted into another, in all per-pixel entries alike."""

from __future__ import annotations

import torch
from torch import Tensor

from hardpix.data.batch_transforms.base import Batch
from hardpix.data.maps import MAPS

TRUST = "target_weight"


def per_pixel_entries(batch: Batch) -> dict[str, Tensor]:
    """The entries of a batch that have a value at every pixel: tensors (B, H, W) or (B, ·, H, W) of the image's size.

    Raises:
        ValueError: no image (B, channels, H, W), or a target, depth, weight or target_weight that does not lie on it.

    Example:
        >>> batch = {"image": torch.zeros(2, 3, 4, 5), "target": torch.zeros(2, 4, 5), "stem": ["a", "b"]}
        >>> list(per_pixel_entries(batch))
        ['image', 'target']
    """
    image = batch.get("image")
    if not isinstance(image, Tensor) or image.ndim != 4:
        found = tuple(image.shape) if isinstance(image, Tensor) else type(image).__name__
        raise ValueError(f"expected a batch whose image is a tensor (B, 3, H, W), found {found}")
    grid = (len(image), *image.shape[-2:])
    entries = {
        key: value
        for key, value in batch.items()
        if isinstance(value, Tensor) and value.ndim in (3, 4) and (len(value), *value.shape[-2:]) == grid
    }
    for key in ("target", *MAPS, TRUST):
        if key in batch and key not in entries:
            found = tuple(batch[key].shape) if isinstance(batch[key], Tensor) else type(batch[key]).__name__
            raise ValueError(f"expected the batch's {key} as (B, H, W) = {grid}, the size of its image, found {found}")
    return entries


def partner_of(batch: Batch, partner: Batch | None) -> Batch:
    """The batch to take pixels of: the partner, or without one the batch itself, each image beside the one before it.

    Raises:
        ValueError: a partner whose image is of another shape.

    Example:
        >>> partner_of({"image": torch.tensor([1, 2, 3])[:, None, None, None]}, None)["image"].flatten()
        tensor([3, 1, 2])
    """
    own = per_pixel_entries(batch)
    if partner is None:
        return {key: values.roll(1, 0) for key, values in own.items()}
    own_size, size = tuple(own["image"].shape), tuple(per_pixel_entries(partner)["image"].shape)
    if own_size != size:
        raise ValueError(
            f"expected a partner of the batch's own size, {own_size}, found {size}; "
            "give both the same batch size, drop their last, smaller batches, and crop both to one size"
        )
    return partner


def paste(batch: Batch, partner: Batch, mask: Tensor) -> Batch:
    """The batch with the partner's pixels where a mask (B, H, W) is true, in all of the batch's per-pixel entries.

    Everything else, such as stems and values per image, stays that of the batch. Entries that only the partner has are
    left out. A missing `target_weight` is 1, since that is how far a target is trusted that comes without one.

    Raises:
        ValueError: an entry of the batch that the partner lacks, or has in another shape.

    Example:
        >>> image = torch.zeros(1, 3, 1, 2)
        >>> batch = {"image": image, "target": torch.tensor([[[4, 4]]]), "stem": ["a"]}
        >>> mask = torch.tensor([[[False, True]]])
        >>> pasted = paste(batch, {"image": image + 1, "target": torch.tensor([[[7, 7]]]), "stem": ["b"]}, mask)
        >>> pasted["image"][0, 0], pasted["target"], pasted["stem"]
        (tensor([[0., 1.]]), tensor([[[4, 7]]]), ['a'])
    """
    own, other = per_pixel_entries(batch), per_pixel_entries(partner)
    if TRUST in own or TRUST in other:
        for entries in (own, other):
            entries.setdefault(TRUST, torch.ones_like(mask, dtype=torch.float32))
    if missing := [key for key in own if key not in other]:
        raise ValueError(
            f"expected every per-pixel entry of the batch in its partner too, found a partner without "
            f"{' and '.join(missing)}; where depth is unknown, give a map of NaN"
        )
    for key, values in own.items():
        if values.shape != other[key].shape:
            raise ValueError(
                f"expected the partner's {key} in the shape of the batch's, {tuple(values.shape)}, found "
                f"{tuple(other[key].shape)}"
            )
    return batch | {
        key: torch.where(mask if values.ndim == 3 else mask[:, None], other[key], values) for key, values in own.items()
    }
