"""Labels and maps on the coarse grid of an embedding, where no thin class disappears."""

from typing import Literal

import torch
from torch import Tensor


def cell_labels(
    target: Tensor,
    size: tuple[int, int],
    num_classes: int,
    ignore_index: int = 255,
    rule: Literal["any", "majority"] = "any",
) -> Tensor:
    """One class for each cell of a coarser grid.

    A cell is the rectangle of pixels that lies under it; where the sizes do not divide, labels are first enlarged
    (nearest) until they do, so that every pixel is in some cell. Taking every k-th pixel instead would lose what is
    narrower than k.

    Args:
        target: (B, H, W) class ids or ``ignore_index``.
        size: rows and columns of the grid.
        num_classes: C.
        ignore_index: the id of unlabelled pixels.
        rule: "any" takes, of the classes in the cell, the one with the fewest pixels in the batch, so that a pole one
            pixel wide keeps all of its cells; "majority" the one with the most pixels in the cell (of equal ones the
            lowest id).

    Returns:
        (B, h, w) int64; ``ignore_index`` where a cell has no label.

    Example:
        >>> target = torch.tensor([[[0, 0, 0, 0], [0, 1, 0, 255], [255, 255, 0, 0], [255, 255, 0, 0]]])
        >>> cell_labels(target, (2, 2), num_classes=2)
        tensor([[[  1,   0],
                 [255,   0]]])
        >>> cell_labels(target, (2, 2), num_classes=2, rule="majority")
        tensor([[[  0,   0],
                 [255,   0]]])
    """
    if rule not in ("any", "majority"):
        raise ValueError(f"expected rule 'any' or 'majority', found {rule!r}")
    valid = (target != ignore_index) & (target >= 0) & (target < num_classes)
    known = torch.where(valid, target, num_classes)
    cells = _as_cells(known, size)
    if rule == "any":
        counts = torch.bincount(known.flatten(), minlength=num_classes + 1)[:num_classes]
        order = torch.cat([counts.argsort(stable=True), counts.new_tensor([ignore_index])])
        rank = torch.empty_like(order).scatter_(0, order[:-1], torch.arange(num_classes, device=order.device))
        rank[num_classes] = num_classes
        return order[rank[cells].amin((2, 4))]
    batch, height, _, width, _ = cells.shape
    place = torch.arange(batch * height * width, device=target.device).reshape(batch, height, 1, width, 1)
    pairs = (place * (num_classes + 1) + cells).flatten()
    counts = torch.bincount(pairs, minlength=batch * height * width * (num_classes + 1))
    most, label = counts.reshape(batch, height, width, num_classes + 1)[..., :num_classes].max(-1)
    return torch.where(most > 0, label, ignore_index)


def cell_values(values: Tensor, target: Tensor, labels: Tensor) -> Tensor:
    """The largest value, in every cell, among the pixels of the cell's class.

    Args:
        values: (B, H, W), ≥ 0.
        target: (B, H, W) as :func:`cell_labels` was given.
        labels: (B, h, w) its result.

    Returns:
        (B, h, w); where a cell has no label, the largest value of its unlabelled pixels.

    Example:
        >>> target, values = torch.tensor([[[0, 0, 255, 1, 255, 255]]]), torch.tensor([[[0.2, 0.5, 0.9, 0.1, 0, 0]]])
        >>> cell_values(values, target, torch.tensor([[[0, 1, 255]]]))
        tensor([[[0.5000, 0.1000, 0.0000]]])
    """
    size = labels.shape[-2:]
    same = _as_cells(target, size) == labels[:, :, None, :, None]
    cells = _as_cells(values, size)
    return torch.where(same, cells, torch.zeros_like(cells)).amax((2, 4))


def _as_cells(maps: Tensor, size: tuple[int, ...]) -> Tensor:
    """(B, H, W) to (B, h, rows of a cell, w, columns of a cell)."""
    height, width = (-(-side // cells) * cells for side, cells in zip(maps.shape[-2:], size, strict=True))
    if (height, width) != tuple(maps.shape[-2:]):
        rows = torch.arange(height, device=maps.device) * maps.shape[1] // height
        columns = torch.arange(width, device=maps.device) * maps.shape[2] // width
        maps = maps[:, rows][:, :, columns]
    return maps.reshape(maps.shape[0], size[0], height // size[0], size[1], width // size[1])
