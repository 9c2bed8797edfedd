"""Refinement in overlapping tiles, so that memory does not grow with the image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from hardpix.pixels.precision import at_least_float32
from hardpix.refiners.base import Refiner, require_one_size

Part = tuple[slice, slice]


@dataclass(frozen=True)
class Tile:
    """One part of an image: what is read for it, and what is kept of the result.

    Attributes:
        read: rows and columns of the image.
        kept: rows and columns of the image whose result is kept.
        inner: the same within what is read.

    Example:
        >>> first, *_ = tiles(1, 5, side=3, overlap=1)
        >>> first.read[1], first.kept[1], first.inner[1]
        (slice(0, 4, None), slice(0, 3, None), slice(0, 3, None))
    """

    read: Part
    kept: Part
    inner: Part


def tiles(height: int, width: int, side: int, overlap: int) -> Iterator[Tile]:
    """Squares that cover an image without overlap, each read with a margin as far as the image goes.

    Example:
        >>> [(tile.read[1], tile.kept[1]) for tile in tiles(1, 5, 3, 1)]
        [(slice(0, 4, None), slice(0, 3, None)), (slice(2, 5, None), slice(3, 5, None))]
    """

    def parts(length: int) -> list[tuple[slice, slice, slice]]:
        found = []
        for start in range(0, length, side):
            stop = min(start + side, length)
            first, last = max(0, start - overlap), min(length, stop + overlap)
            found.append((slice(first, last), slice(start, stop), slice(start - first, stop - first)))
        return found

    for rows in parts(height):
        for columns in parts(width):
            read, kept, inner = zip(rows, columns, strict=True)
            yield Tile(read, kept, inner)


class Tiled(Refiner):
    """Another refiner, applied to overlapping tiles one after another.

    Where the overlap is at least the refiner's reach, the result is that of the whole image. Memory is that of the
    refiner for squares of tile + 2 · overlap pixels, and of the two maps.

    Args:
        refiner: applied to each tile.
        tile: side of the squares in pixels that results are kept of.
        overlap: margin in pixels around each; None for the refiner's own reach.

    Raises:
        ValueError: no overlap is given for a refiner that looks at the whole image; settings outside their range.

    Example:
        >>> import torch
        >>> from hardpix.refiners import PAMR
        >>> maps, image = torch.rand(1, 2, 30, 50), torch.rand(1, 3, 30, 50)
        >>> whole = PAMR((1, 2), steps=2)
        >>> bool((Tiled(whole, tile=16)(maps, image) - whole(maps, image)).abs().max() < 1e-6)
        True
    """

    def __init__(self, refiner: Refiner, tile: int = 1024, overlap: int | None = None) -> None:
        super().__init__()
        own: int | None = getattr(refiner, "reach", None)
        margin = own if overlap is None else overlap
        if margin is None:
            raise ValueError(
                f"expected an overlap for {type(refiner).__name__}, whose result depends on the whole image, found "
                "none: give it in pixels; results near the edges of tiles then differ from those of the whole image"
            )
        if tile < 1 or margin < 0:
            raise ValueError(f"expected tile ≥ 1 and overlap ≥ 0, found {tile} and {margin}")
        self.refiner = refiner
        self.tile = tile
        self.overlap = margin

    @property
    def reach(self) -> int | None:
        own: int | None = getattr(self.refiner, "reach", None)
        return own if own is not None and own <= self.overlap else None

    def forward(self, probabilities: Tensor, image: Tensor) -> Tensor:
        require_one_size(probabilities, image)
        refined = at_least_float32(probabilities).clone()
        height, width = probabilities.shape[2:]
        for tile in tiles(height, width, self.tile, self.overlap):
            rows, columns = tile.read
            part = self.refiner(probabilities[:, :, rows, columns], image[:, :, rows, columns])
            refined[:, :, tile.kept[0], tile.kept[1]] = part[:, :, tile.inner[0], tile.inner[1]]
        return refined
