"""Labels and maps on the coarse grid of an embedding, where no thin class disappears."""

from typing import Literal

import torch
from torch import Tensor

from hardpix.pixels.class_ids import class_ids, require_batch
from hardpix.pixels.precision import at_least_float32
from hardpix.pixels.validity import valid_mask


def cell_labels(
    target: Tensor,
    size: tuple[int, int],
    num_classes: int,
    ignore_index: int = 255,
    rule: Literal["any", "majority"] = "any",
    share: float = 0.0,
) -> Tensor:
    """One class for each cell of a coarser grid.

    A cell is the rectangle of pixels that lies under it. Where the sizes do not divide, labels are first enlarged
    (nearest) until they do, so that every pixel is in some cell. Taking every k-th pixel instead would lose what is
    narrower than k.

    Args:
        target: (B, H, W) class ids, integers of any type, or ``ignore_index``.
        size: rows and columns of the grid.
        num_classes: C.
        ignore_index: the id of unlabeled pixels.
        rule: "any" takes, of the classes in the cell, the one with the fewest pixels in the batch, so that a pole one
            pixel wide keeps all of its cells; "majority" the one with the most pixels in the cell (of equal ones the
            lowest id).
        share: smallest share of a cell's pixels, unlabeled ones included, that its class must have; a cell in which it
            has less is left without a label.

    Returns:
        (B, h, w) int64; ``ignore_index`` where a cell has no label.

    Raises:
        ValueError: another rule; a share outside 0…1; a target of other axes or that is not of integers.

    Example:
        >>> target = torch.tensor([[[0, 0, 0, 0], [0, 1, 0, 255], [255, 255, 0, 0], [255, 255, 0, 0]]])
        >>> cell_labels(target, (2, 2), num_classes=2)
        tensor([[[  1,   0],
                 [255,   0]]])
        >>> cell_labels(target, (2, 2), num_classes=2, rule="majority")
        tensor([[[  0,   0],
                 [255,   0]]])
        >>> cell_labels(target, (2, 2), num_classes=2, rule="majority", share=0.8)
        tensor([[[255, 255],
                 [255,   0]]])
    """
    if rule not in ("any", "majority"):
        raise ValueError(f"expected rule 'any' or 'majority', found {rule!r}")
    if not 0 <= share <= 1:
        raise ValueError(f"expected a share from 0 to 1, found {share}")
    require_batch(target)
    target = class_ids(target)
    valid = valid_mask(target, num_classes, ignore_index)
    if tuple(size) == tuple(target.shape[-2:]):
        return torch.where(valid, target, ignore_index)
    known = torch.where(valid, target, num_classes)
    cells = _as_cells(known, size)
    found = _one_of_each(cells, known, num_classes, ignore_index, rule)
    if share == 0:
        return found
    has = (cells == found[:, :, None, :, None]).sum((2, 4)) / (cells.shape[2] * cells.shape[4])
    return torch.where(has >= share, found, ignore_index)


def _one_of_each(
    cells: Tensor, known: Tensor, num_classes: int, ignore_index: int, rule: Literal["any", "majority"]
) -> Tensor:
    """One class of each cell, whatever its share; ids that are no class are ``num_classes``."""
    if rule == "any":
        counts = torch.bincount(known.flatten(), minlength=num_classes + 1)[:num_classes]
        order = torch.cat([counts.argsort(stable=True), counts.new_tensor([ignore_index])])
        rank = torch.empty_like(order).scatter_(0, order[:-1], torch.arange(num_classes, device=order.device))
        rank[num_classes] = num_classes
        return order[rank[cells].amin((2, 4))]
    batch, height, _, width, _ = cells.shape
    place = torch.arange(batch * height * width, device=cells.device).reshape(batch, height, 1, width, 1)
    pairs = (place * (num_classes + 1) + cells).flatten()
    # Not by bincount, which waits for the device, and has no place in a compiled graph.
    counts = torch.zeros(batch * height * width * (num_classes + 1), dtype=torch.int32, device=cells.device)
    counts.scatter_add_(0, pairs, torch.ones_like(pairs, dtype=torch.int32))
    most, label = counts.reshape(batch, height, width, num_classes + 1)[..., :num_classes].max(-1)
    return torch.where(most > 0, label, ignore_index)


def cell_values(values: Tensor, target: Tensor, labels: Tensor, rule: Literal["largest", "mean"] = "largest") -> Tensor:
    """The largest or the mean value, in every cell, of the pixels of the cell's class.

    Args:
        values: (B, H, W), ≥ 0, and 0 where there is no label.
        target: (B, H, W) as :func:`cell_labels` was given.
        labels: (B, h, w) its result.
        rule: "largest" or "mean"; pixels that were repeated because the sizes do not divide count as often.

    Returns:
        (B, h, w) of the type of the values, computed in float32 or wider; where a cell has no label, 0.

    Raises:
        ValueError: another rule; values and target that are not of one shape (B, H, W).

    Example:
        >>> target, values = torch.tensor([[[0, 0, 255, 1]]]), torch.tensor([[[0.2, 0.5, 0.0, 0.1]]])
        >>> cell_values(values, target, torch.tensor([[[0, 1]]]))
        tensor([[[0.5000, 0.1000]]])
        >>> cell_values(values, target, torch.tensor([[[0, 1]]]), rule="mean")
        tensor([[[0.3500, 0.1000]]])
    """
    if rule not in ("largest", "mean"):
        raise ValueError(f"expected rule 'largest' or 'mean', found {rule!r}")
    require_batch(target)
    if values.shape != target.shape:
        raise ValueError(
            f"expected values and target of one shape, found {tuple(values.shape)} and {tuple(target.shape)}"
        )
    size = labels.shape[-2:]
    same = _as_cells(class_ids(target), size) == class_ids(labels, "labels")[:, :, None, :, None]
    cells = _as_cells(at_least_float32(values), size)
    inside = torch.where(same, cells, torch.zeros_like(cells))
    found = inside.amax((2, 4)) if rule == "largest" else inside.sum((2, 4)) / same.sum((2, 4)).clamp(min=1)
    return found.to(values.dtype) if values.is_floating_point() else found


def _as_cells(maps: Tensor, size: tuple[int, ...]) -> Tensor:
    """(B, H, W) to (B, h, rows of a cell, w, columns of a cell)."""
    height, width = (-(-side // cells) * cells for side, cells in zip(maps.shape[-2:], size, strict=True))
    if (height, width) != tuple(maps.shape[-2:]):
        rows = torch.arange(height, device=maps.device) * maps.shape[1] // height
        columns = torch.arange(width, device=maps.device) * maps.shape[2] // width
        maps = maps[:, rows][:, :, columns]
    return maps.reshape(maps.shape[0], size[0], height // size[0], size[1], width // size[1])
