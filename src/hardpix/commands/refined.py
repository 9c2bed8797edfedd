"""Refinement of one prediction, part by part, with soft maps made as they are needed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from hardpix.cli.errors import UsageError
from hardpix.commands.refine_input import as_shares
from hardpix.pixels.percent import percent
from hardpix.refiners import Refiner, Tile, tiles

# Side of the parts that are refined at once where that changes nothing, in pixels.
TILE = 1024


def planned(refiner: Refiner, tile: int | None, overlap: int | None) -> tuple[int | None, int]:
    """Side of the tiles, None for whole images, and their overlap.

    Raises:
        ValueError: tiles without an overlap for a refiner of the whole image; settings outside their range.

    Example:
        >>> from hardpix.refiners import PAMR, Affinity
        >>> planned(PAMR((1, 2), steps=3), None, None), planned(Affinity(), None, None)
        ((1024, 6), (None, 0))
    """
    if (tile is not None and tile < 1) or (overlap is not None and overlap < 0):
        raise ValueError(f"expected tile ≥ 1 and overlap ≥ 0, found {tile} and {overlap}")
    reach: int | None = getattr(refiner, "reach", None)
    if tile is None and overlap is not None:
        raise ValueError(f"expected an overlap of tiles, found no tiles: give --tile, too, such as --tile {TILE}")
    if tile is None:
        return (None, 0) if reach is None else (TILE, reach)
    if overlap is None and reach is None:
        raise ValueError(
            f"expected an overlap of the tiles for {type(refiner).__name__}, whose result depends on the whole image, "
            "found none: give --overlap in pixels; results near the edges of tiles then differ from those of the whole "
            "image"
        )
    return tile, reach if overlap is None else overlap  # type: ignore[return-value]


def soft_map(prediction: np.ndarray, scores: np.ndarray | None, confidence: float, num_classes: int) -> Tensor:
    """Probabilities (1, C, H, W) of one part: those that are given, or of the ids with one confidence.

    Of ids the predicted class has the confidence g and every other one (1 − g) / (C − 1). Pixels without a prediction
    have 1 / C, whatever is given; so have pixels whose probabilities sum to 0.

    Args:
        prediction: (H, W) class indices, anything else without a prediction.
        scores: (C, H, W) as stored, or None.
        confidence: g.
        num_classes: C.

    Example:
        >>> soft_map(np.array([[1, 255]]), None, 0.7, 2)[0, :, 0]
        tensor([[0.3000, 0.5000],
                [0.7000, 0.5000]])
    """
    index = torch.from_numpy(prediction.astype(np.int64))
    known = index < num_classes
    if scores is None:
        rest = (1 - confidence) / max(num_classes - 1, 1)
        maps = torch.full((num_classes, *index.shape), rest)
        maps.scatter_(0, index.clamp(max=num_classes - 1)[None], confidence if num_classes > 1 else 1.0)
    else:
        maps = torch.from_numpy(as_shares(scores)).clamp(0, 1)
        total = maps.sum(0)
        known = known & (total > 0)
        maps /= total.clamp(min=torch.finfo(total.dtype).tiny)
    return torch.where(known, maps, 1 / num_classes)[None]


@torch.inference_mode()
def refined(
    refiner: Refiner,
    image: np.ndarray,
    prediction: np.ndarray,
    scores: np.ndarray | None,
    confidence: float,
    num_classes: int,
    *,
    tile: int | None,
    overlap: int,
    device: torch.device,
    stem: str,
) -> np.ndarray:
    """Refined class indices (H, W) of an image; pixels without a prediction stay so.

    Args:
        refiner: on the device, in evaluation mode.
        image: (H, W, channels), uint8 or float from 0 to 1.
        prediction: (H, W) class indices, the largest value of their type where there is none.
        scores: (C, H, W) as stored, or None.
        confidence: of the ids, where there are no scores.
        num_classes: C.
        tile: side of the parts, or None.
        overlap: of these parts.
        device: to compute on.
        stem: for an error.

    Raises:
        UsageError: the refiner gives something else than such a map.
    """
    height, width = prediction.shape
    result = prediction.copy()
    for part in _parts(height, width, tile, overlap):
        rows, columns = part.read
        own = None if scores is None else np.asarray(scores[:, rows, columns])
        maps = soft_map(prediction[rows, columns], own, confidence, num_classes).to(device)
        pixels = torch.from_numpy(np.ascontiguousarray(image[rows, columns])).movedim(-1, 0)[None].to(device)
        found = refiner(maps, pixels)
        _require_map(found, maps, refiner, stem)
        # A tie changes nothing.
        before = torch.from_numpy(prediction[rows, columns].astype(np.int64)).to(device).clamp(max=num_classes - 1)
        own_score = found[0].gather(0, before[None])[0]
        labels = torch.where(own_score >= found[0].amax(0), before, found[0].argmax(0))
        result[part.kept] = labels.cpu().numpy()[part.inner].astype(result.dtype)
    return np.where(prediction < num_classes, result, prediction)


def _parts(height: int, width: int, tile: int | None, overlap: int) -> Iterator[Tile]:
    return tiles(height, width, max(height, width) if tile is None else tile, overlap)


def _require_map(found: object, maps: Tensor, refiner: Refiner, stem: str) -> None:
    where = f"from {type(refiner).__name__}.forward(probabilities, image) for {stem}"
    if not isinstance(found, Tensor) or found.shape != maps.shape:
        shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise UsageError(f"expected a map of shape {tuple(maps.shape)} {where}, found {shape}")
    if not bool(found.isfinite().all()):
        share = float((~found.isfinite()).double().mean())
        raise UsageError(f"expected finite numbers {where}, found NaN or infinity in {percent(share)} of them")
