"""Which pixels count: the mask of labelled pixels, and the check that a target holds only classes."""

from typing import Any

import torch
from torch import Tensor


def valid_mask(target: Tensor, num_classes: int, ignore_index: int = 255) -> Tensor:
    """Mask of the pixels that carry a class.

    Args:
        target: integer labels of any shape.
        num_classes: number of classes C; a class is an id from 0 to C − 1.
        ignore_index: the id of unlabelled pixels. It wins where it is a class id too.

    Returns:
        Boolean tensor of the target's shape.

    Example:
        >>> valid_mask(torch.tensor([[0, 1, 255, 7]]), num_classes=2)
        tensor([[ True,  True, False, False]])
    """
    return (target != ignore_index) & (target >= 0) & (target < num_classes)


class TargetCheck:
    """Raises when a target holds an id that is neither a class nor ``ignore_index``.

    On the CPU the error comes at once. On other devices a look at the values would make the host wait for the device in
    every step; there the verdict is copied to the host without waiting and raised by a later call, once it has arrived.

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
        self._pending: tuple[Tensor, Any, int, int] | None = None

    def __getstate__(self) -> dict[str, Any]:
        # A verdict on its way belongs to this process and device; a copy or a checkpoint starts without one.
        return {"_pending": None}

    def __call__(self, target: Tensor, num_classes: int, ignore_index: int) -> None:
        """Check one target (integers, any shape)."""
        self._raise_arrived()
        foreign = (target != ignore_index) & ((target < 0) | (target >= num_classes))
        if target.device.type != "cuda":
            if bool(foreign.any()):
                self._raise(target[foreign].min().item(), target[foreign].max().item(), num_classes, ignore_index)
        elif self._pending is None:
            lowest = torch.where(foreign, target, num_classes).min()
            highest = torch.where(foreign, target, -1).max()
            verdict = torch.stack([foreign.any().to(target.dtype), lowest, highest])
            host = torch.empty(3, dtype=verdict.dtype, pin_memory=True)
            host.copy_(verdict, non_blocking=True)
            arrived = torch.cuda.Event()
            arrived.record()
            self._pending = (host, arrived, num_classes, ignore_index)

    def _raise_arrived(self) -> None:
        if self._pending is None or not self._pending[1].query():
            return
        (found, lowest, highest), num_classes, ignore_index = self._pending[0].tolist(), *self._pending[2:]
        self._pending = None
        if found:
            # With negative ids only, the highest foreign id is still the fill value of the search for it.
            self._raise(min(lowest, highest), max(lowest, highest), num_classes, ignore_index)

    @staticmethod
    def _raise(lowest: float, highest: float, num_classes: int, ignore_index: int) -> None:
        last = num_classes - 1
        raise ValueError(
            f"the target holds ids that are neither a class (0 to {last}) nor ignore_index ({ignore_index}): "
            f"from {lowest:.0f} to {highest:.0f}. Map your labels to 0…{last} and everything else to {ignore_index}, "
            "or give the network more classes."
        )
