"""The mask of labeled pixels, and the check that a target holds only classes."""

from functools import partial

import torch
from torch import Tensor

from hardpix.pixels.class_ids import class_ids
from hardpix.pixels.late_verdicts import LateVerdicts


def valid_mask(target: Tensor, num_classes: int, ignore_index: int = 255) -> Tensor:
    """Mask of the pixels that carry a class.

    Args:
        target: integer labels of any shape and type.
        num_classes: number of classes C; a class is an id from 0 to C − 1.
        ignore_index: the id of unlabeled pixels. It wins where it is a class id too.

    Returns:
        Boolean tensor of the target's shape.

    Example:
        >>> valid_mask(torch.tensor([[0, 1, 255, 7]]), num_classes=2)
        tensor([[ True,  True, False, False]])
    """
    target = class_ids(target)
    return (target != ignore_index) & (target >= 0) & (target < num_classes)


class TargetCheck:
    """Raises when a target holds an id that is neither a class nor ``ignore_index``.

    On a CUDA device the host does not wait for the verdict: the first call after it has arrived raises. Everywhere
    else the error comes at once.

    Example:
        >>> check = TargetCheck()
        >>> check(torch.tensor([[0, 1, 255]]), num_classes=2, ignore_index=255)
        >>> check(torch.tensor([[0, 2, 255]]), num_classes=2, ignore_index=255)
        Traceback (most recent call last):
        ...
        ValueError: the target holds ids that are neither a class (0 to 1) nor ignore_index (255): \
from 2 to 2. Map your labels to 0…1 and everything else to 255, or give the network more classes.
    """

    def __init__(self) -> None:
        self._verdicts = LateVerdicts()

    def __call__(self, target: Tensor, num_classes: int, ignore_index: int) -> None:
        """Check one target (integers, any shape with at least one pixel)."""
        if target.numel() == 0:
            raise ValueError(
                f"expected a target with at least one pixel, found shape {tuple(target.shape)}; leave empty batches out"
            )
        verdict = _foreign_range(class_ids(target), num_classes, ignore_index)
        self._verdicts(verdict, partial(_raise_if_foreign, num_classes=num_classes, ignore_index=ignore_index))


def _foreign_range(target: Tensor, num_classes: int, ignore_index: int) -> Tensor:
    """Smallest and largest id that is neither a class nor ignored, (2,); if there is none, the first is the larger."""
    limits = torch.iinfo(target.dtype)
    foreign = (target != ignore_index) & ((target < 0) | (target >= num_classes))
    return torch.stack([torch.where(foreign, target, limits.max).min(), torch.where(foreign, target, limits.min).max()])


def _raise_if_foreign(foreign_range: Tensor, num_classes: int, ignore_index: int) -> None:
    lowest, highest = foreign_range.tolist()
    if lowest <= highest:
        last = num_classes - 1
        raise ValueError(
            f"the target holds ids that are neither a class (0 to {last}) nor ignore_index ({ignore_index}): "
            f"from {lowest} to {highest}. Map your labels to 0…{last} and everything else to {ignore_index}, "
            "or give the network more classes."
        )
